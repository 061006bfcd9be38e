import type { ObjectCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { uploadOf } from './upload-of.ts'

export async function abortUpload(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const upload = await uploadOf(call, deps)
  await deps.uploads.remove(upload, call.signal)
  return new Response(null, { status: 204 })
}
