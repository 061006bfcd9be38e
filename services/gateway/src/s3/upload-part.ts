import type { ObjectCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { sizeOf } from './store-body.ts'
import { readPartNumber, uploadOf } from './upload-of.ts'

export async function uploadPart(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const { check, signal } = call
  const number = readPartNumber(call)
  const size = sizeOf(check, deps)
  using _slot = deps.slots.take()
  const upload = await uploadOf(call, deps)
  const { part, checksums } = await deps.uploads.addPart(upload, number, { source: call.body(), check, size }, signal)
  return new Response(null, { headers: { etag: `"${part.md5}"`, ...checksums, 'content-length': '0' } })
}
