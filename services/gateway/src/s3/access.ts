import type { BucketConfig } from '@mortise/config'
import type { Headers, S3Auth, SecretLookup } from '@mortise/s3-auth'
import type { BodyCheck } from '@mortise/s3-auth/body'
import { S3Refusal } from '@mortise/s3-auth/refusal'
import type { Signer } from './call.ts'
import { S3Error } from './error.ts'

export type Access = {
  /** Throws what is wrong with the signature. `bucket`: as the path names it. */
  authenticate(request: { method: string; rawTarget: string; headers: Headers; now: Date; bucket: string }): {
    signer: Signer
    check: BodyCheck
  }
  /** The keys that count for this bucket: its own; where there is no such bucket, those of all. */
  secrets(bucket: string): SecretLookup
  /** Whether that very key, with its secret, is one of the bucket's. */
  belongs(signer: Signer, bucket: BucketConfig): boolean
}

export function createAccess(auth: S3Auth, buckets: Record<string, BucketConfig>): Access {
  const ofBuckets = new Map<string, Map<string, string>>()
  const all = new Map<string, string>()
  for (const { name, keys } of Object.values(buckets)) {
    const own = new Map(keys.map(({ accessKey, secretAccessKey }) => [accessKey, secretAccessKey]))
    ofBuckets.set(name, own)
    for (const [key, secret] of own) if (!all.has(key)) all.set(key, secret)
  }
  const secrets = (bucket: string): SecretLookup => {
    const known = ofBuckets.get(bucket) ?? all
    return accessKey => known.get(accessKey)
  }
  return {
    secrets,
    belongs: ({ accessKey, secret }, { name }) => ofBuckets.get(name)?.get(accessKey) === secret,
    authenticate({ bucket, ...request }) {
      const lookup = secrets(bucket)
      try {
        const found = auth.authenticate(request, lookup)
        if (!found) throw new S3Error('AccessDenied', 'The request is not signed.')
        const { accessKey, form } = found.identity
        return { signer: { accessKey, form, secret: lookup(accessKey) ?? '' }, check: found.body }
      } catch (error) {
        // As in mort: nobody's bucket and nobody's key is 403, somebody's bucket and nobody's key 401.
        const unknown = error instanceof S3Refusal && error.s3Code === 'InvalidAccessKeyId'
        if (unknown && !ofBuckets.has(bucket)) throw new S3Error('AccessDenied', 'Access Denied')
        throw error
      }
    },
  }
}
