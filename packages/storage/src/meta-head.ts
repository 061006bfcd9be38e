import { decode, encode } from '@msgpack/msgpack'
import { type OpenFile, readFully } from './file.ts'
import type { StoredHeaders } from './headers.ts'

/** The head of a file: three magic bytes, the length of the map in four bytes (little endian), a MessagePack map. */
export function printMetaHead(headers: StoredHeaders): Uint8Array {
  const map = encode(headers, { sortKeys: true })
  const head = Buffer.alloc(fixedBytes + map.length)
  head.set(magic)
  head.writeUInt32LE(map.length, magic.length)
  head.set(map, fixedBytes)
  return head
}

/** What a file begins with. A file without a head, or with one that makes no sense, is a plain file: it has none. */
export async function readMetaHead(
  file: OpenFile,
  signal: AbortSignal,
): Promise<{ offset: number; headers: Record<string, unknown> }> {
  const plain = { offset: 0, headers: {} }
  const size = Number(file.stat.size)
  if (size < fixedBytes) return plain
  // Nearly every head fits the first read.
  let start = Buffer.allocUnsafe(Math.min(size, firstReadBytes))
  await readFully(file, start, 0, signal)
  if (!magic.equals(start.subarray(0, magic.length))) return plain
  const end = fixedBytes + start.readUInt32LE(magic.length)
  if (end > size || end > maxHeadBytes) return plain
  if (end > start.length) {
    start = Buffer.allocUnsafe(end)
    await readFully(file, start, 0, signal)
  }
  const headers = readMap(start.subarray(fixedBytes, end))
  return headers ? { offset: end, headers } : plain
}

const magic = Buffer.from([0x12, 0x34, 0x01])

const fixedBytes = magic.length + 4

const firstReadBytes = 4096

/** The map holds request headers of an uploader, and no HTTP server accepts this much of them. */
const maxHeadBytes = 1024 * 1024

function readMap(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value = decode(bytes)
    const isMap = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    return isMap ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
