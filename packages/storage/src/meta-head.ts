import { randomBytes } from 'node:crypto'
import { Decoder, Encoder } from '@msgpack/msgpack'
import { givenEtag } from './etag.ts'
import { metadataPrefix, type StoredHeaders } from './headers.ts'
import type { OpenFile } from './open-file.ts'
import type { NewObject } from './storage.ts'

/** The head of a file: three magic bytes, the length of the map in four bytes (little endian), a MessagePack map. */
export function printMetaHead(
  headers: StoredHeaders,
  object: Pick<NewObject, 'etag' | 'md5' | 'lateMetadata'>,
): NewHead {
  const etag = givenEtag(object)
  const { lateMetadata: late } = object
  // They are known when the bytes have been written; until then there is something as long that occurs nowhere else.
  const md5 = etag === undefined && object.md5 ? placeholder(32) : undefined
  const lateText = late && placeholder(late.length)
  const map = { ...headers }
  if (etag ?? md5) map[etagName] = etag ?? md5!
  if (late) map[metadataPrefix + late.name] = lateText!
  const head = print(map)
  return {
    head,
    ...(md5 === undefined ? {} : { md5At: head.indexOf(md5) }),
    ...(lateText === undefined ? {} : { lateAt: head.indexOf(lateText) }),
  }
}

/** What to write in front of the bytes of an object, and where in it their MD5 and the late metadata belong. */
export type NewHead = { head: Uint8Array; md5At?: number; lateAt?: number }

/** What stands in front of the bytes of an object: how long it is, and which headers it holds. */
export type FileHead = {
  offset: number
  headers: Record<string, unknown>
  /** The tag that was stored with the object. */
  etag?: string
  /** What was read of the file to find that out, from its first byte on. */
  start?: Uint8Array
}

/**
 * What a file begins with. A file without a head, or with one that makes no sense, is a plain file: it has none. A small
 * file is read whole when its body is `wanted` as well.
 */
export async function readMetaHead(file: OpenFile, wanted: boolean, signal: AbortSignal): Promise<FileHead> {
  const size = Number(file.stat.size)
  if (size < fixedBytes) return { offset: 0, headers: {} }
  let start = Buffer.allocUnsafeSlow(wanted && size <= smallFileBytes ? size : Math.min(size, firstReadBytes))
  await file.read(start, 0, signal)
  const plain = { offset: 0, headers: {}, start }
  if (!magic.equals(start.subarray(0, magic.length))) return plain
  const end = fixedBytes + start.readUInt32LE(magic.length)
  if (end > size || end > maxHeadBytes) return plain
  if (end > start.length) {
    start = Buffer.allocUnsafeSlow(end)
    await file.read(start, 0, signal)
  }
  const headers = readMap(start.subarray(fixedBytes, end))
  if (!headers) return plain
  const etag = headers[etagName]
  return { offset: end, headers, start, ...(typeof etag === 'string' && etag !== '' ? { etag } : {}) }
}

/** Not a name that a client can choose: those of his metadata have a prefix. */
const etagName = 'mortise-etag'

function print(headers: StoredHeaders): Buffer {
  const map = encoder.encode(headers)
  const head = Buffer.allocUnsafe(fixedBytes + map.length)
  head.set(magic)
  head.writeUInt32LE(map.length, magic.length)
  head.set(map, fixedBytes)
  return head
}

function placeholder(length: number): string {
  return randomBytes(Math.ceil(length / 2))
    .toString('hex')
    .slice(0, length)
}

const encoder = new Encoder({ sortKeys: true })

const decoder = new Decoder()

const magic = Buffer.from([0x12, 0x34, 0x01])

const fixedBytes = magic.length + 4

/** A file of this size is read whole: its body then costs a copy instead of a second read. */
const smallFileBytes = 64 * 1024

/** Nearly every head fits into this. */
const firstReadBytes = 4096

/** The map holds request headers of an uploader, and no HTTP server accepts this much of them. */
const maxHeadBytes = 1024 * 1024

function readMap(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value = decoder.decode(bytes)
    const isMap = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    return isMap ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
