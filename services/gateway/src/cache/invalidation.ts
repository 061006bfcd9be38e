import type { BucketConfig } from '@mortise/config'
import type { Location } from '@mortise/plan'
import { objectCacheKey } from '../deliver.ts'
import type { SharedResponses } from './shared-responses.ts'
import type { Versions } from './versions.ts'

export type InvalidationDeps = {
  buckets: Record<string, BucketConfig>
  versions: Versions
  shared: SharedResponses | null
}

/**
 * Gives the function that is told of every write. When it resolves, this process answers with nothing that was read
 * before, and finds nothing of it in the cache that is shared, if that can be reached; another process may still have a
 * copy for as long as its `Cache-Control` says.
 */
export function createInvalidation({ buckets, versions, shared }: InvalidationDeps) {
  // A bucket may lead to the originals of another one.
  const asking = Object.keys(buckets)
  return async (location: Location): Promise<void> => {
    versions.change(location.key)
    if (!shared) return
    const keys = asking.flatMap(bucket => [true, false].map(image => objectCacheKey(bucket, image, location)))
    // Who writes must not fail because of a cache.
    await Promise.allSettled(keys.map(shared.delete))
    // Somebody may have taken it from there just before.
    versions.change(location.key)
  }
}
