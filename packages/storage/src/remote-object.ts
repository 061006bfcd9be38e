import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { asError, bytesToFill, chunkBytes } from './body.ts'
import { countPassed } from './passed.ts'
import type { Span } from './range.ts'
import type { ObjectInfo, StoredObject } from './storage.ts'

/** An answer whose headers have come; its bytes wait in the socket. */
export type RemoteBody = {
  source: Readable
  /** Bytes to hand out. */
  length: number
  /** Bytes of the answer before those; what comes after them is then left as well. Absent: the answer is taken whole. */
  skip?: number
  signal: AbortSignal
  /** Milliseconds for which the backend may be silent. */
  timeoutMs: number
  key: string
  /** What the backend is called in messages. */
  backend: string
}

/** An answered request as an object. Whatever way it is left, its connection is free again. */
export function remoteObject(info: ObjectInfo, span: Span | undefined, body: RemoteBody): StoredObject {
  const { source, length, key } = body
  // An answer that nobody reads may break off; who reads it is told.
  source.on('error', () => {})
  let taken = false
  const stream = () => {
    if (taken) throw new MortiseError('internal', `${key} was opened once and read twice`)
    taken = true
    return streamBody(body)
  }
  return {
    info,
    ...(span ? { range: span } : {}),
    stream,
    async bytes(limit) {
      if (length > limit) {
        source.destroy()
        throw new MortiseError('too_large', `${key}: ${length} bytes, allowed are ${limit}`)
      }
      const bytes = bytesToFill(length)
      let at = 0
      for await (const chunk of stream()) {
        bytes.set(chunk, at)
        at += chunk.length
      }
      return bytes
    },
    async [Symbol.asyncDispose]() {
      source.destroy()
    },
  }
}

/**
 * The body with a limit on how long the backend may be silent. Only time spent waiting for it counts: a consumer that
 * is slow pauses the socket and the clock.
 */
function streamBody({ source, length, skip, signal, timeoutMs, key, backend }: RemoteBody): Readable {
  let [before, left] = [skip ?? 0, length]
  let timer: NodeJS.Timeout | undefined
  const fail = (why: string, cause?: unknown) =>
    stream.destroy(
      signal.aborted
        ? asError(signal.reason)
        : new MortiseError('storage_unavailable', `${key}: ${why}, ${left} bytes are missing`, { cause }),
    )
  const stream = new Readable({
    highWaterMark: chunkBytes,
    read() {
      timer ??= setTimeout(() => fail(`${backend} was silent for ${timeoutMs} ms`), timeoutMs)
      source.resume()
    },
    destroy(error, done) {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      source.destroy()
      done(error)
    },
  })
  // The request has its own listener, but is done with a short body before anybody reads it.
  const onAbort = () => stream.destroy(asError(signal.reason))
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  // Paused first, for a 'data' listener would start the flow before anybody reads.
  source.pause()
  source.on('data', (chunk: Buffer) => {
    // Node copies what it reads from a connection into the pieces of a body: two buffers for each.
    countPassed(2 * chunk.length)
    const rest = chunk.subarray(before)
    before = Math.max(0, before - chunk.length)
    const wanted = rest.subarray(0, left)
    left -= wanted.length
    if (wanted.length < rest.length && skip === undefined) return fail('the body has another length')
    const more = wanted.length === 0 || stream.push(wanted)
    if (left === 0 && skip !== undefined) return void stream.push(null)
    if (more) return void timer?.refresh()
    clearTimeout(timer)
    timer = undefined
    source.pause()
  })
  source.on('end', () => (left === 0 ? stream.push(null) : fail('the body has another length')))
  source.on('error', error => fail('the connection broke off', error))
  if (source.destroyed) fail('the connection broke off')
  return stream
}
