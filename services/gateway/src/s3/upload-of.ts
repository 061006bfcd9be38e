import type { ObjectCall } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import type { Upload } from './uploads/uploads.ts'

/** The upload that a request names; it has to be one of that key. Throws `NoSuchUpload`. */
export async function uploadOf({ bucket, key, query, signal }: ObjectCall, { uploads }: S3Deps): Promise<Upload> {
  const upload = await uploads.find(bucket.name, query.get('uploadId') ?? '', signal)
  if (upload?.key !== key) throw noSuchUpload()
  return upload
}

export function noSuchUpload(): S3Error {
  return new S3Error(
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  )
}

export function readPartNumber({ query }: ObjectCall): number {
  const text = query.get('partNumber') ?? ''
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= 10_000) return number
  throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive', {
    ArgumentName: 'partNumber',
  })
}
