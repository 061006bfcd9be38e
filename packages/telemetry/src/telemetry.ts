export { createLog, type Log } from './log.ts'
export { createMetrics, type Metrics, registerGauges } from './metrics.ts'
