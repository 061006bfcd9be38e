import type { ObjectCall, Signed } from './call.ts'
import { checksumFields, saidIn } from './checksum.ts'
import type { S3Deps } from './deps.ts'
import { readConditions, readFacts } from './object-headers.ts'
import { ownStorage, writableLocation } from './own-object.ts'
import { sizeOf, storeBody } from './store-body.ts'

export async function putObject(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const { headers, check, signal } = call
  const location = writableLocation(call, deps)
  const facts = { ...readFacts(headers), ...readConditions(headers), md5: true } as const
  const size = sizeOf(check, deps)
  using _slot = deps.slots.take()
  const body = { source: call.body(), check, size }
  const { info, checksums } = await storeBody(ownStorage(call, deps), location, body, facts, signal)
  await deps.originals.written(location)
  return new Response(null, {
    headers: { etag: `"${info.etag}"`, ...checksumFields(saidIn(checksums)), 'content-length': '0' },
  })
}
