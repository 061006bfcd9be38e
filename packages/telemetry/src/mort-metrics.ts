import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** mort's buckets. Its values were microseconds in buckets made for milliseconds; here they are milliseconds. */
const mortBuckets = [
  10, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 6000, 10000, 30000, 60000, 70000, 80000,
]

/** And some below, for what takes a few milliseconds. */
export const fineBuckets = [1, 2, 5, ...mortBuckets]

/**
 * mort's series, by its names, types and labels, so that its dashboards go on. They are counted in any case, and shown
 * by the registries that they are given. Labels have few values: methods that Node's parser knows, kinds of storages,
 * buckets of the configuration.
 */
export function createMortMetrics(registers: Registry[]) {
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name: `mort_${name}`, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Gauge<L>({ name: `mort_${name}`, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, labelNames: L[] = [], buckets = mortBuckets) =>
    new Histogram<L>({ name: `mort_${name}`, help, labelNames, buckets, registers })

  // What Mortise has no use for is there all the same, at zero: a panel that shows it is not broken.
  counter('vips_cleanup_count', 'Idle cleanups; there are none')
  return {
    archived: counter('glacier_error_detected', 'Requests for what is archived, or made of it'),
    restores: counter('glacier_restore_initiated', 'Restores of archived objects that were begun'),
    cache: counter('cache_ratio', 'Response cache events', ['status']),
    throttled: counter('request_throttled_count', 'Requests refused because too many misses wait'),
    collapsed: counter('request_collapsed_count', 'Requests that joined a miss already on its way'),
    requestType: counter('request_type_count', 'Answered from storage, or made', ['type']),
    responseTime: histogram('response_time', 'Until the response is ready to be sent, ms', ['method']),
    generationTime: histogram('generation_time', 'One render, ms'),
    storageRequests: counter('storage_request', 'Calls to storages', ['method', 'bucket', 'storage', 'object_type']),
    storageTime: histogram('storage_time', 'Calls to storages, ms', ['method', 'storage'], fineBuckets),
    // A gauge as in mort, although it only grows.
    storageBytes: gauge('storage_throughput', 'Bytes read from and written to storages', ['method', 'storage']),
  }
}
