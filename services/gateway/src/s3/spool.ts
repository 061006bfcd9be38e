import { Readable } from 'node:stream'
import type { Location } from '@mortise/plan'
import type { ObjectInfo } from '@mortise/storage'
import type { S3Deps } from './deps.ts'
import type { UploadRecord } from './uploads/upload-record.ts'
import type { Part, Upload } from './uploads/uploads.ts'

export type Spooled = { stream: Readable; location: Location; record: UploadRecord; signal: AbortSignal }

/** What is shorter needs no parts; of what is longer so much is in memory. */
const pieceBytes = 1024 * 1024

/** Stores a body whose length nobody knows before its end: as parts, which are joined then. */
export async function spool(what: Spooled, deps: S3Deps): Promise<ObjectInfo> {
  const { stream, location, record, signal } = what
  const storage = deps.storage(location.storage)
  const facts = { ...record.facts, md5: true } as const
  let upload: Upload | null = null
  try {
    const parts: Part[] = []
    for await (const bytes of pieces(stream)) {
      if (parts.length === 0 && bytes.length < pieceBytes) {
        return await storage.put(location, { ...facts, body: bytes, size: bytes.length }, signal)
      }
      upload ??= await begin(what, deps)
      const size = bytes.length
      const body = { source: Readable.from([bytes]), check: { size }, size }
      parts.push((await deps.uploads.addPart(upload, parts.length + 1, body, signal)).part)
    }
    const size = parts.reduce((sum, part) => sum + part.size, 0)
    if (!upload) return await storage.put(location, { ...facts, body: new Uint8Array(), size: 0 }, signal)
    return await storage.put(location, { ...facts, body: deps.uploads.joined(upload, parts, signal), size }, signal)
  } finally {
    stream.destroy()
    if (upload) await deps.uploads.remove(upload, AbortSignal.timeout(10_000)).catch(() => {})
  }
}

async function begin({ location: { bucket }, record, signal }: Spooled, { uploads }: S3Deps): Promise<Upload> {
  const id = await uploads.create(bucket, record, signal)
  return { ...record, id, bucket, initiated: new Date() }
}

/** Of that many bytes each, but for the last. Nothing of the last is told before the stream has ended well. */
async function* pieces(stream: Readable): AsyncGenerator<Uint8Array> {
  let chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length < pieceBytes) continue
    const whole = Buffer.concat(chunks)
    for (let at = 0; at + pieceBytes <= length; at += pieceBytes) yield whole.subarray(at, at + pieceBytes)
    chunks = [whole.subarray(length - (length % pieceBytes))]
    length %= pieceBytes
  }
  if (length > 0) yield Buffer.concat(chunks)
}
