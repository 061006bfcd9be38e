import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { unlessAborted } from './abort.ts'
import { asError, bytesToFill, chunkBytes } from './body.ts'
import { countPassed } from './passed.ts'
import { resolveRange } from './range.ts'
import { sftpError } from './sftp-error.ts'
import { type RemoteFile, readRemoteFile } from './sftp-file.ts'
import type { ByteRange, ObjectInfo, StoredObject } from './storage.ts'

type Opened = { info: ObjectInfo; range?: ByteRange; signal: AbortSignal; onClose: () => void }

/** The object in an open file. From here on the object owns the file; `onClose` is called when it is closed. */
export function remoteFileObject(file: RemoteFile, { info, range, signal, onClose }: Opened): StoredObject {
  const span = range && resolveRange(range, info.size)
  const [first, end] = span ? [span.start, span.end + 1] : [0, info.size]
  let stream: Readable | undefined
  let taken = false
  const onAbort = () => (stream ? stream.destroy(asError(signal.reason)) : close())
  // Nobody waits for the answer, but as long as there is none, the file counts as open.
  const close = () => {
    signal.removeEventListener('abort', onAbort)
    file.close().then(onClose, onClose)
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
      stream = streamFile(file, first, end, close)
      if (signal.aborted) stream.destroy(asError(signal.reason))
      return stream
    },
    async bytes(limit) {
      take()
      try {
        signal.throwIfAborted()
        const length = end - first
        if (length > limit) throw new MortiseError('too_large', `${file.path}: ${length} bytes, allowed are ${limit}`)
        return await unlessAborted(signal, readWhole(file, first, end))
      } catch (error) {
        signal.throwIfAborted()
        throw sftpError(error, file.path)
      } finally {
        close()
      }
    },
    async [Symbol.asyncDispose]() {
      stream?.destroy()
      close()
    },
  }
}

async function readWhole(file: RemoteFile, first: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = bytesToFill(end - first)
  let at = 0
  for await (const piece of readRemoteFile(file, first, end)) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

function streamFile(file: RemoteFile, first: number, end: number, close: () => void): Readable {
  const pieces = readRemoteFile(file, first, end)
  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      pieces.next().then(
        ({ done, value }) => {
          countPassed(value?.length ?? 0)
          this.push(done ? null : value)
        },
        error => this.destroy(sftpError(error, file.path)),
      )
    },
    destroy(error, done) {
      close()
      done(error)
    },
  })
}
