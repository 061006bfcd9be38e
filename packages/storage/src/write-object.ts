import { writev } from 'node:fs'
import { Readable } from 'node:stream'
import { chunkBytes, readBody } from './body.ts'
import type { NewObject } from './storage.ts'

/** Writes the head and the body to an empty file. Throws as `readBody`, and what the file system says. */
export async function writeObject(fd: number, head: Uint8Array, object: NewObject, signal: AbortSignal): Promise<void> {
  const { body } = object
  if (body instanceof Readable) {
    await writeAll(fd, [head])
    for await (const chunk of readBody(object, signal)) await writeAll(fd, [chunk])
    return
  }
  // A small body leaves with its head, in one call.
  await writeAll(fd, [head, body.subarray(0, chunkBytes)])
  for (let at = chunkBytes; at < body.length; at += chunkBytes) {
    signal.throwIfAborted()
    await writeAll(fd, [body.subarray(at, at + chunkBytes)])
  }
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
