import type { S3Call, Signed } from './call.ts'
import { S3Error } from './error.ts'

/** Buckets are made in the configuration. Tools make sure of theirs before they write, and go on when they own it. */
export function createBucket({ bucket }: Signed<S3Call>): never {
  if (!bucket) throw new S3Error('AccessDenied', 'Buckets are made in the configuration.')
  throw new S3Error('BucketAlreadyOwnedByYou', 'The bucket that you tried to create already exists, and you own it.', {
    BucketName: bucket.name,
  })
}
