import type { BucketConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Resolution } from '@mortise/plan'
import { isReserved } from './reserved.ts'

export type ReadAccess = {
  /** Whether anybody may read it. Throws `no_such_object` for what nobody may. */
  isPublic(resolution: Resolution): boolean
}

/**
 * Reading is public as in mort, but for buckets that are private: their originals, whichever bucket leads there, and
 * with `all` also what is made of them.
 */
export function createReadAccess(buckets: Record<string, BucketConfig>): ReadAccess {
  const privacy = (bucket: string) => (Object.hasOwn(buckets, bucket) ? buckets[bucket]!.private : null)
  return {
    isPublic(resolution) {
      if (resolution.kind === 'buckets' || resolution.kind === 'bucket') return true
      const original = resolution.kind === 'object' ? resolution.object : resolution.plan.original
      if (isReserved(original.key)) throw new MortiseError('no_such_object', 'no such object')
      const involved = [resolution.bucket, original.bucket, original.storage.split('/')[0] ?? ''].map(privacy)
      return resolution.kind === 'object' ? involved.every(word => word === null) : !involved.includes('all')
    },
  }
}
