import type { BigIntStats } from 'node:fs'
import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { asError, bytesToFill, chunkBytes } from './body.ts'
import { fileError } from './file-error.ts'
import type { OpenFile } from './open-file.ts'
import { countPassed } from './passed.ts'
import { resolveRange } from './range.ts'
import type { ByteRange, ObjectInfo, StoredObject } from './storage.ts'

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
  const onAbort = () => (stream ? stream.destroy(asError(signal.reason)) : close().catch(() => {}))
  const close = () => {
    signal.removeEventListener('abort', onAbort)
    return file.close()
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
        const bytes = bytesToFill(length)
        await file.read(bytes, first, signal)
        file.checkUnchanged()
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

/** Strong: every write through Mortise makes a new inode, every write past it moves the modification time. */
export function fileEtag({ ino, mtimeNs, size }: BigIntStats): string {
  return `${ino.toString(36)}-${mtimeNs.toString(36)}-${size.toString(36)}`
}

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
    countPassed(chunk.length)
    await file.read(chunk, at, signal)
    at += chunk.length
    // Before the last bytes leave: a reader that got them all has no way to learn that they do not belong together.
    if (at === end) file.checkUnchanged()
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
