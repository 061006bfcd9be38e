import type { ByteRange } from '@mortise/storage'
import type { ObjectCall, Signed } from './call.ts'
import { openSource } from './copy-source.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { one } from './object-headers.ts'
import { sizeOf } from './store-body.ts'
import { readPartNumber, uploadOf } from './upload-of.ts'
import { xmlResponse } from './xml.ts'

export async function uploadPartCopy(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const { signal } = call
  const number = readPartNumber(call)
  const range = readRange(one(call.headers, 'x-amz-copy-source-range'))
  using _slot = deps.slots.take()
  const upload = await uploadOf(call, deps)
  await using source = (await openSource(call, deps, range)).object
  const size = source.range ? source.range.end - source.range.start + 1 : source.info.size
  if (range && size !== range.end - range.start + 1) throw badRange()
  sizeOf({ size }, deps)
  const body = { source: source.stream(), check: { size }, size }
  const { part } = await deps.uploads.addPart(upload, number, body, signal)
  return xmlResponse('CopyPartResult', { ETag: `"${part.md5}"`, LastModified: part.lastModified.toISOString() })
}

/** Only both ends, and both inside the source. */
function readRange(text: string | undefined): Required<Extract<ByteRange, { start: number }>> | null {
  if (text === undefined) return null
  const [, start, end] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text) ?? []
  if (start === undefined || Number(end) < Number(start)) throw badRange()
  return { start: Number(start), end: Number(end) }
}

function badRange(): S3Error {
  return new S3Error('InvalidArgument', 'The x-amz-copy-source-range value must be of the form bytes=first-last.', {
    ArgumentName: 'x-amz-copy-source-range',
  })
}
