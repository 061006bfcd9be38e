import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { asError, bytesToFill, chunkBytes } from './body.ts'
import { resolveRange } from './range.ts'
import type { ByteRange, ObjectInfo, StoredObject } from './storage.ts'

/** An object whose bytes are here already; nobody may write to them. */
export function storedBytes(
  all: Uint8Array,
  { info, range, signal }: { info: ObjectInfo; range?: ByteRange; signal: AbortSignal },
): StoredObject {
  const span = range && resolveRange(range, all.length)
  const bytes = span ? all.subarray(span.start, span.end + 1) : all
  let stream: Readable | undefined
  let taken = false
  const take = () => {
    if (taken) throw new MortiseError('internal', 'an object was opened once and read twice')
    taken = true
  }
  return {
    info,
    ...(span ? { range: span } : {}),
    stream() {
      take()
      stream = streamBytes(bytes, signal)
      return stream
    },
    async bytes(limit) {
      take()
      signal.throwIfAborted()
      if (bytes.length > limit) throw new MortiseError('too_large', `${bytes.length} bytes, allowed are ${limit}`)
      // A copy: the caller may transfer its buffer to a thread, which takes the bytes away here.
      const own = bytesToFill(bytes.length)
      own.set(bytes)
      return own
    },
    async [Symbol.asyncDispose]() {
      stream?.destroy()
    },
  }
}

function streamBytes(bytes: Uint8Array, signal: AbortSignal): Readable {
  let at = 0
  const onAbort = () => stream.destroy(asError(signal.reason))
  const stream = new Readable({
    highWaterMark: chunkBytes,
    read() {
      const chunk = bytes.subarray(at, at + chunkBytes)
      at += chunk.length
      this.push(chunk.length > 0 ? Buffer.from(chunk) : null)
    },
    destroy(error, done) {
      signal.removeEventListener('abort', onAbort)
      done(error)
    },
  })
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return stream
}
