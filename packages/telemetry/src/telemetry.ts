export { createLog, type Log } from './log.ts'
export { createMetrics, type Metrics, registerGauges } from './metrics.ts'
export { createSeldom, type Seldom, type SeldomOptions } from './seldom.ts'
