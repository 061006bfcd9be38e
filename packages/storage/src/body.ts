import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { countPassed } from './passed.ts'
import type { NewObject } from './storage.ts'

/** Bytes that move at once: large enough to keep a disk busy, small enough to share memory between many bodies. */
export const chunkBytes = 256 * 1024

/** Memory of its own that holds what was there before: it must be filled to the last byte before it is handed out. */
export function bytesToFill(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}

/**
 * The body of a new object, piece by piece, and exactly `size` bytes of it. Throws `invalid_request` when there are
 * fewer or more, `cancelled` when the stream breaks off, and `signal.reason`. A stream is destroyed on every early end.
 */
export async function* readBody({ body, size }: NewObject, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stop = () => body instanceof Readable && body.destroy(asError(signal.reason))
  signal.addEventListener('abort', stop, { once: true })
  let left = size
  let last: Uint8Array | undefined
  try {
    for await (const chunk of body instanceof Readable ? body : slices(body)) {
      signal.throwIfAborted()
      const bytes: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      left -= bytes.length
      if (body instanceof Readable) countPassed(bytes.length)
      if (left < 0) throw new MortiseError('invalid_request', `the body has more than the announced ${size} bytes`)
      if (bytes.length === 0) continue
      // A backend that has got all bytes is done, so the last of them wait until nothing more can go wrong.
      if (left === 0) last = bytes
      else yield bytes
    }
    if (left > 0) throw new MortiseError('invalid_request', `the body ended ${left} bytes before the announced ${size}`)
    signal.throwIfAborted()
    if (last) yield last
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof MortiseError) throw error
    throw new MortiseError('cancelled', 'the body broke off', { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Runs a put that owns its body: the size is checked before anything else happens, and whatever way the put ends, a
 * stream is not left open.
 */
export async function withBody<T>({ body, size }: NewObject, put: () => Promise<T>): Promise<T> {
  try {
    if (!Number.isSafeInteger(size) || size < 0) throw new MortiseError('invalid_request', `bad size ${size}`)
    if (body instanceof Uint8Array && body.length !== size) {
      throw new MortiseError('invalid_request', `the body has ${body.length} bytes, announced were ${size}`)
    }
    return await put()
  } finally {
    if (body instanceof Readable) body.destroy()
  }
}

/** A stream can only be destroyed with an Error; the reason of a signal may be anything. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}
