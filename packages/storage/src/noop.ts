import { readBody, withBody } from './body.ts'
import { checkCondition } from './condition.ts'
import { fromHeaders, toHeaders } from './headers.ts'
import { createPlaces, placeOfBucket } from './keys.ts'
import { checkListOptions } from './listing.ts'
import type { Storage } from './storage.ts'

/** Holds nothing: reads find nothing, writes and deletes succeed. A body is read to its end, so that its sender can finish. */
export function createNoopStorage(): Storage {
  const place = createPlaces({})
  return {
    kind: 'noop',
    async get(ref, { signal }) {
      signal.throwIfAborted()
      place(ref)
      return null
    },
    async head(ref, signal) {
      signal.throwIfAborted()
      place(ref)
      return null
    },
    put: (ref, object, signal) =>
      withBody(object, async () => {
        signal.throwIfAborted()
        const { key } = place(ref)
        const described = fromHeaders(toHeaders(object), key)
        checkCondition(object, null)
        for await (const _ of readBody(object, signal));
        return { ...described, size: object.size, etag: 'discarded', lastModified: new Date() }
      }),
    async delete(ref, signal) {
      signal.throwIfAborted()
      place(ref)
    },
    async list(bucket, options) {
      checkListOptions(options)
      placeOfBucket(place, bucket)
      return { objects: [], prefixes: [], next: null }
    },
    async ping() {},
    async [Symbol.asyncDispose]() {},
  }
}
