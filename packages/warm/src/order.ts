import type { BucketConfig, Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'

/** Which derivatives are to be there, of which originals. */
export type WarmOrder = {
  bucket: string
  /** Of the keys, without the slash that they begin with; empty: all of them. */
  prefix: string
  /** In place of those that the buckets are set to make ahead (`buckets.*.pregenerate`), which is `null`. */
  presets: readonly string[] | null
  /** Only looks what is missing. */
  dryRun: boolean
}

/** Characters; no key is longer. */
const maxPrefix = 1024

/** Throws `no_such_bucket`, and `invalid_request` for an order that could come to nothing. */
export function proveOrder({ buckets }: Config, { bucket, prefix, presets }: WarmOrder): void {
  const own = buckets[bucket]
  if (!own) throw new MortiseError('no_such_bucket', `no bucket has the name ${JSON.stringify(bucket.slice(0, 100))}`)
  if (prefix.length > maxPrefix) throw invalid(`prefix: more than ${maxPrefix} characters`)
  const readers = Object.values(buckets).filter(reader => reads(reader, bucket))
  const known = new Set(readers.flatMap(({ transform }) => Object.keys(transform?.presets ?? {})))
  if (readers.length === 0) throw invalid(`presets: no URL names one of an original in ${bucket}${elsewhere(own)}`)
  if (presets === null) {
    if (readers.some(({ pregenerate }) => pregenerate)) return
    throw invalid(`presets: ${bucket} has no pregenerate, so they have to be named; there are ${[...known].join(', ')}`)
  }
  if (presets.length === 0) throw invalid('presets: expected the name of at least one')
  const unknown = presets.find(name => !known.has(name))
  if (unknown === undefined) return
  throw invalid(
    `presets: none is called ${JSON.stringify(unknown.slice(0, 100))}; there are ${[...known].join(', ') || 'none'}`,
  )
}

/** Whether URLs of a bucket can name a preset of an original in the other. */
function reads({ transform }: BucketConfig, bucket: string): boolean {
  return transform?.presetKeys != null && (transform.parentBucket ?? bucket) === bucket
}

function elsewhere({ transform }: BucketConfig): string {
  return transform?.parentBucket ? `; those that it reads are in ${transform.parentBucket}` : ''
}

function invalid(message: string): MortiseError {
  return new MortiseError('invalid_request', message)
}
