import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { asError, chunkBytes } from './body.ts'
import { resolveRange } from './range.ts'
import type { ByteRange, ObjectInfo, StoredObject } from './storage.ts'

export type OpenFile = { handle: FileHandle; stat: BigIntStats; path: string }

/** Opens a regular file; `null` for everything else: nothing there, a folder, a path below a file, a FIFO, a device. */
export async function openFile(path: string): Promise<OpenFile | null> {
  let handle: FileHandle
  try {
    // Without O_NONBLOCK the open of a FIFO waits for its writer, in one of the few threads that all file work shares.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (absentCodes.has(errorCode(error))) return null
    throw fileError(error, path)
  }
  try {
    const stat = await handle.stat({ bigint: true })
    if (stat.isFile()) return { handle, stat, path }
  } catch (error) {
    await handle.close()
    throw fileError(error, path)
  }
  await handle.close()
  return null
}

/** The object that begins `offset` bytes into an open file. From here on the object owns the file. */
export function storedFile(
  file: OpenFile,
  { offset, info, range, signal }: { offset: number; info: ObjectInfo; range?: ByteRange; signal: AbortSignal },
): StoredObject {
  const span = range && resolveRange(range, info.size)
  const first = offset + (span?.start ?? 0)
  const length = span ? span.end - span.start + 1 : info.size
  let stream: Readable | undefined
  let taken = false
  let closing: Promise<void> | undefined
  const onAbort = () => (stream ? stream.destroy(asError(signal.reason)) : close().catch(() => {}))
  const close = () => {
    signal.removeEventListener('abort', onAbort)
    closing ??= file.handle.close()
    return closing
  }
  const take = () => {
    if (taken) throw new MortiseError('internal', `${file.path} was opened once and read twice`)
    taken = true
  }
  signal.addEventListener('abort', onAbort, { once: true })

  return {
    info,
    ...(span ? { range: span } : {}),
    stream() {
      take()
      stream = streamFile(file, first, first + length, signal, close)
      return stream
    },
    async bytes(limit) {
      take()
      try {
        if (length > limit) throw new MortiseError('too_large', `${file.path}: ${length} bytes, allowed are ${limit}`)
        const bytes = new Uint8Array(length)
        await readFully(file, bytes, first, signal)
        await checkUnchanged(file)
        return bytes
      } catch (error) {
        signal.throwIfAborted()
        throw fileError(error, file.path)
      } finally {
        await close()
      }
    },
    async [Symbol.asyncDispose]() {
      stream?.destroy()
      await close()
    },
  }
}

/** Fills `target` from `position` on; `storage_unavailable` when the file ends before that. */
export async function readFully(
  { handle, path }: OpenFile,
  target: Uint8Array,
  position: number,
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < target.length; ) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(target, at, Math.min(target.length - at, maxReadBytes), position + at)
    if (bytesRead === 0) throw changed(path)
    at += bytesRead
  }
}

/** Strong: every write through Mortise makes a new inode, every write past it moves the modification time. */
export function fileEtag({ ino, mtimeNs, size }: BigIntStats): string {
  return [ino, mtimeNs, size].map(number => number.toString(36)).join('-')
}

/** The error of a file call in the words of the port. A name that is taken by a folder (or the reverse) cannot be stored. */
export function fileError(error: unknown, path: string): MortiseError {
  if (error instanceof MortiseError) return error
  const code = nameCodes.has(errorCode(error)) ? 'invalid_request' : 'storage_unavailable'
  return new MortiseError(code, `${path}: ${asError(error).message}`, { cause: error })
}

export function errorCode(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code)
}

/** ENXIO is a socket, or a device without a driver. */
export const absentCodes = new Set(['ENOENT', 'ENOTDIR', 'ENXIO'])

const nameCodes = new Set(['ENOTDIR', 'EISDIR', 'EEXIST', 'ENAMETOOLONG'])

/** The largest read that fits the 32 bits of the system call. */
const maxReadBytes = 2 ** 30

/** Unlike `fs.ReadStream` it ends with an error, not early, when the file changes below it. */
function streamFile(
  file: OpenFile,
  first: number,
  end: number,
  signal: AbortSignal,
  close: () => Promise<void>,
): Readable {
  let at = first
  const next = async () => {
    if (at === end) return null
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - at))
    await readFully(file, chunk, at, signal)
    at += chunk.length
    // Before the last bytes leave: a reader that got them all has no way to learn that they do not belong together.
    if (at === end) await checkUnchanged(file)
    return chunk
  }
  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      next().then(
        chunk => this.push(chunk),
        error => this.destroy(signal.aborted ? asError(signal.reason) : fileError(error, file.path)),
      )
    },
    destroy(error, done) {
      close().then(() => done(error), done)
    },
  })
}

async function checkUnchanged({ handle, stat, path }: OpenFile): Promise<void> {
  const now = await handle.stat({ bigint: true })
  if (now.size !== stat.size || now.mtimeNs !== stat.mtimeNs) throw changed(path)
}

function changed(path: string): MortiseError {
  return new MortiseError('storage_unavailable', `${path} changed while it was read`)
}
