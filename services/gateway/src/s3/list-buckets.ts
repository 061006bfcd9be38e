import type { S3Call, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { xmlResponse } from './xml.ts'

/** Every bucket that the sender's key belongs to. mort says `owner`, which no client of today reads. */
export function listBuckets({ signer }: Signed<S3Call>, { buckets, access }: S3Deps): Response {
  const own = Object.values(buckets).filter(bucket => access.belongs(signer, bucket))
  const names = own.map(({ name }) => name).sort()
  return xmlResponse('ListAllMyBucketsResult', {
    Owner: { ID: signer.accessKey, DisplayName: signer.accessKey },
    Buckets: { Bucket: names.map(Name => ({ Name, CreationDate })) },
  })
}

/** A bucket is there because a file says so; nobody knows since when. Tools want a date that stays the same. */
const CreationDate = new Date(0).toISOString()
