import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { createMortMetrics, fineBuckets } from './mort-metrics.ts'

export type Metrics = ReturnType<typeof createMetrics>

/**
 * Every metric of Mortise: `mortise_` for ours, mort's names for what mort counts too. One registry for each process,
 * passed to whoever counts; a role that never counts something leaves it at zero. `mort`: show mort's as well, which is
 * its setting `server.monitoring: prometheus`.
 */
export function createMetrics({ mort }: { mort: boolean }) {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Histogram<L>({ name, help, labelNames, buckets: fineBuckets, registers })

  return {
    registry,
    ...createMortMetrics(mort ? registers : []),
    responses: counter('mortise_responses_total', 'Responses by method and status', ['method', 'status']),
    slowReaders: counter('mortise_slow_readers_cut_total', 'Connections cut because too much waited to be read'),
    errors: counter('mortise_errors_total', 'Refused requests by status and code', ['status', 'code']),
    waitTime: histogram('mortise_wait_time', 'From a miss to its outcome, as the client waits, ms'),
    sharedCache: counter('mortise_shared_cache_total', 'What became of calls to the shared cache', ['event']),
    storeFailures: counter('mortise_store_failures_total', 'Derivatives that were made and not stored', ['code']),
    batches: counter('mortise_batches_total', 'Originals queued to have derivatives ahead of time, or why not', [
      'outcome',
    ]),
    pregenerated: counter('mortise_pregenerated_total', 'Derivatives made ahead of time, by outcome', ['outcome']),
    jobs: counter('mortise_jobs_total', 'Runs of jobs that ended here, by outcome', ['outcome']),
  }
}

/** Gauges that are read when somebody asks, not kept up to date. `read` may be asynchronous; its failure reads as NaN. */
export function registerGauges(
  { registry }: Metrics,
  gauges: { name: string; help: string; read: () => number | Promise<number> }[],
): void {
  for (const { name, help, read } of gauges) {
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        try {
          this.set(await read())
        } catch {
          this.set(Number.NaN)
        }
      },
    })
  }
}
