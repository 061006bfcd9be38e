import type { Storage } from '@mortise/storage'
import type { Metrics } from '@mortise/telemetry'

/** Counts and times the calls to a storage, and the bytes of whole objects, under mort's names. */
export function measureStorage(
  storage: Storage,
  metrics: Metrics,
  { bucket, name }: { bucket: string; name: string },
): Storage {
  const { kind, list, presign, restore } = storage
  const objectType = name === 'transform' ? 'transform' : 'parent'

  const measured = async <T>(method: string, call: () => Promise<T>): Promise<T> => {
    const started = performance.now()
    metrics.storageRequests.inc({ method, bucket, storage: kind, object_type: objectType })
    try {
      return await call()
    } finally {
      metrics.storageTime.observe({ method, storage: kind }, performance.now() - started)
    }
  }

  return {
    kind,
    async get(ref, options) {
      const object = await measured('get', () => storage.get(ref, options))
      if (object) {
        const { size } = object.info
        const bytes = object.range ? object.range.end - object.range.start + 1 : size
        metrics.storageBytes.inc({ method: 'get', storage: kind }, bytes)
      }
      return object
    },
    head: (ref, signal) => measured('head', () => storage.head(ref, signal)),
    async put(ref, object, signal) {
      const info = await measured('set', () => storage.put(ref, object, signal))
      metrics.storageBytes.inc({ method: 'set', storage: kind }, object.size)
      return info
    },
    delete: (ref, signal) => measured('delete', () => storage.delete(ref, signal)),
    ...(list ? { list: (...args: Parameters<typeof list>) => measured('list', () => list(...args)) } : {}),
    ...(presign
      ? { presign: (...args: Parameters<typeof presign>) => measured('presign', () => presign(...args)) }
      : {}),
    ...(restore
      ? { restore: (...args: Parameters<typeof restore>) => measured('restore', () => restore(...args)) }
      : {}),
    ping: signal => storage.ping(signal),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  }
}
