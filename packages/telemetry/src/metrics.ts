import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** mort's buckets. Its values were microseconds in buckets made for milliseconds; here they are milliseconds. */
const mortBuckets = [
  10, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 6000, 10000, 30000, 60000, 70000, 80000,
]

const fineBuckets = [1, 2, 5, ...mortBuckets]

export type Metrics = ReturnType<typeof createMetrics>

/**
 * Every metric of Mortise. mort's names where they exist, `mortise_` for ours. One registry for each process, passed to
 * whoever counts; a role that never counts something leaves it at zero.
 */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, labelNames: L[] = [], buckets = mortBuckets) =>
    new Histogram<L>({ name, help, labelNames, buckets, registers })

  return {
    registry,
    cache: counter('mort_cache_ratio', 'Response cache events', ['status']),
    throttled: counter('mort_request_throttled_count', 'Requests refused because too many misses wait'),
    collapsed: counter('mort_request_collapsed_count', 'Requests that joined a miss already on its way'),
    requestType: counter('mort_request_type_count', 'Answered from storage, or made', ['type']),
    responseTime: histogram('mort_response_time', 'Until the response is ready to be sent, ms', ['method']),
    generationTime: histogram('mort_generation_time', 'One render, ms'),
    storageRequests: counter('mort_storage_request', 'Calls to storages', [
      'method',
      'bucket',
      'storage',
      'object_type',
    ]),
    storageTime: histogram('mort_storage_time', 'Calls to storages, ms', ['method', 'storage'], fineBuckets),
    storageBytes: counter('mort_storage_throughput', 'Bytes read from and written to storages', ['method', 'storage']),
    errors: counter('mortise_errors_total', 'Refused requests by status and code', ['status', 'code']),
    waitTime: histogram('mortise_wait_time', 'From a miss to its outcome, as the client waits, ms', [], fineBuckets),
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
