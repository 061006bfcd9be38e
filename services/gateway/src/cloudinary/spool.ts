import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import type { Room } from '../s3/room.ts'

/** A file that nobody else can open, and that is gone when it is disposed of, or the process ends, however it ends. */
export type Spooled = AsyncDisposable & {
  /** Bytes. */
  size: number
  /** The first ones, as far as there are so many. */
  head(length: number): Promise<Uint8Array>
  /** All of it. */
  stream(): Readable
}

/**
 * Reads a stream to its end into a temporary file. Throws `tooLarge()` beyond `maxBytes`, `overloaded` when there is no
 * room, and what the stream fails with; then nothing is left.
 */
export async function spool(
  source: Readable,
  { room, maxBytes, tooLarge }: { room: Room; maxBytes: number; tooLarge(): Error },
): Promise<Spooled> {
  const handle = await openUnnamed()
  let size = 0
  const dispose = async () => {
    room.give(size)
    size = 0
    await handle.close()
  }
  try {
    // Whose stream it is ends it, with the reason for which this stops.
    for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (size + chunk.length > maxBytes) throw tooLarge()
      room.take(chunk.length)
      size += chunk.length
      await writeAll(handle, chunk)
    }
  } catch (error) {
    await dispose()
    throw error
  }
  const total = size
  return {
    size: total,
    async head(length) {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, 0)
      return buffer.subarray(0, bytesRead)
    },
    stream: () =>
      total === 0 ? Readable.from([]) : handle.createReadStream({ start: 0, end: total - 1, autoClose: false }),
    [Symbol.asyncDispose]: dispose,
  }
}

async function openUnnamed(): Promise<FileHandle> {
  const name = path.join(tmpdir(), `mortise-upload-${randomUUID()}`)
  const handle = await open(name, 'wx+', 0o600).catch(noPlace)
  try {
    await unlink(name)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

function writeAll(handle: FileHandle, chunk: Buffer): Promise<void> {
  return handle.writeFile(chunk).catch(noPlace)
}

/** A disk that is full may have room again. */
function noPlace(cause: unknown): never {
  throw new MortiseError('storage_unavailable', 'temporary files cannot be written', { cause })
}
