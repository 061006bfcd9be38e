import type { ObjectCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { readFacts } from './object-headers.ts'
import { writableLocation } from './own-object.ts'
import { xmlResponse } from './xml.ts'

export async function createUpload(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const { bucket, signer, signal } = call
  const { key } = writableLocation(call, deps)
  if (key.endsWith('/')) throw new S3Error('InvalidRequest', 'A folder is not uploaded in parts.')
  const facts = readFacts(call.headers)
  const id = await deps.uploads.create(bucket.name, { key, facts, initiator: signer.accessKey }, signal)
  return xmlResponse('InitiateMultipartUploadResult', { Bucket: bucket.name, Key: key.slice(1), UploadId: id })
}
