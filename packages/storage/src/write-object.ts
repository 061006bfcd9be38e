import type { Hash } from 'node:crypto'
import { write, writev } from 'node:fs'
import { Readable } from 'node:stream'
import { chunkBytes, readBody } from './body.ts'
import type { NewObject } from './storage.ts'

export type ObjectFile = {
  /** What stands before the body. */
  head: Uint8Array
  object: NewObject
  signal: AbortSignal
}

/** Writes an object to an empty file; `hash` sees its body. Throws as `readBody`, and what the file system says. */
export async function writeObject(fd: number, { head, object, signal }: ObjectFile, hash?: Hash): Promise<void> {
  const { body } = object
  if (body instanceof Readable) {
    await writeAll(fd, [head])
    for await (const chunk of readBody(object, signal)) {
      hash?.update(chunk)
      await writeAll(fd, [chunk])
    }
    return
  }
  // A small body leaves with its head, in one call.
  let piece = body.subarray(0, chunkBytes)
  hash?.update(piece)
  await writeAll(fd, [head, piece])
  for (let at = chunkBytes; at < body.length; at += chunkBytes) {
    signal.throwIfAborted()
    piece = body.subarray(at, at + chunkBytes)
    hash?.update(piece)
    await writeAll(fd, [piece])
  }
}

/** Overwrites a few bytes that are there already, which takes no space that could be missing. */
export async function overwrite(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += await writeAt(fd, bytes.subarray(at), position + at)
}

/** What is left of `pieces` when their first `count` bytes are gone. */
export function withoutFirst(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  const left: Uint8Array[] = []
  for (const piece of pieces) {
    const gone = Math.min(count, piece.length)
    count -= gone
    if (gone < piece.length) left.push(piece.subarray(gone))
  }
  return left
}

async function writeAll(fd: number, pieces: Uint8Array[]): Promise<void> {
  // The system may take less than it is given, when the disk fills up for one; the next call then says why.
  for (let left = withoutFirst(pieces, 0); left.length > 0; ) left = withoutFirst(left, await writeSome(fd, left))
}

function writeSome(fd: number, pieces: Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, pieces, (error, count) => (error ? reject(error) : resolve(count)))
  })
}

function writeAt(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, count) => (error ? reject(error) : resolve(count)))
  })
}
