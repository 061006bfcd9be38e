import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { asError, chunkBytes } from './body.ts'
import { fromHeaders } from './headers.ts'
import { resolveRange, type Span } from './range.ts'
import type { ByteRange, ObjectInfo, StoredObject } from './storage.ts'

export function s3Info(
  headers: IncomingHttpHeaders,
  size: number,
  key: string,
  lastModified = headers['last-modified'],
): ObjectInfo {
  const decoded = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === 'string' && decodeWords(value),
  ])
  return {
    ...fromHeaders(Object.fromEntries(decoded), key),
    size,
    etag: (headers.etag ?? '').replace(/^W\//, '').replaceAll('"', ''),
    lastModified: new Date(lastModified ?? 0),
  }
}

/** An answered GET as an object: the headers have come, the body waits in the socket. */
export function s3Object(
  response: IncomingMessage,
  { key, range, signal, timeoutMs }: { key: string; range?: ByteRange; signal: AbortSignal; timeoutMs: number },
): StoredObject {
  const { size, length, span } = orDestroy(response, () => extent(response, range))
  let taken = false
  const stream = () => {
    if (taken) throw new MortiseError('internal', `${key} was opened once and read twice`)
    taken = true
    return streamResponse(response, { length, signal, timeoutMs, key })
  }
  return {
    info: s3Info(response.headers, size, key),
    ...(span ? { range: span } : {}),
    stream,
    async bytes(limit) {
      if (length > limit) {
        response.destroy()
        throw new MortiseError('too_large', `${key}: ${length} bytes, allowed are ${limit}`)
      }
      const bytes = new Uint8Array(length)
      let at = 0
      for await (const chunk of stream()) {
        bytes.set(chunk, at)
        at += chunk.length
      }
      return bytes
    },
    async [Symbol.asyncDispose]() {
      response.destroy()
    },
  }
}

/** Text that cannot stand in a signed header as it is, in the form that S3 itself uses for it (RFC 2047). */
export function encodeWords(text: string): string {
  const plain = /^[\x20-\x7e]*$/.test(text) && !/^ | $| {2}|=\?/.test(text)
  return plain ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`
}

function decodeWords(text: string): string {
  return text.replace(/=\?utf-8\?b\?([\w+/=]*)\?=/gi, (_, word: string) => Buffer.from(word, 'base64').toString())
}

function extent(
  response: IncomingMessage,
  range: ByteRange | undefined,
): { size: number; length: number; span?: Span } {
  const length = Number(response.headers['content-length'] ?? Number.NaN)
  if (response.statusCode === 206) {
    const [, start, end, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers['content-range'] ?? '') ?? []
    const span = { start: Number(start), end: Number(end) }
    if (span.end - span.start + 1 !== length || !range) throw unusable('no range that fits its length')
    return { size: Number(size), length, span }
  }
  if (!Number.isSafeInteger(length)) throw unusable('no length')
  if (!range) return { size: length, length }
  // A server may ignore a range; then it must be one that the whole object satisfies.
  const span = resolveRange(range, length)
  if (span.start > 0 || span.end < length - 1) throw unusable('the whole object instead of a range')
  return { size: length, length, span }
}

function unusable(what: string): MortiseError {
  return new MortiseError('storage_unavailable', `S3 answered with ${what}`)
}

function orDestroy<T>(response: IncomingMessage, read: () => T): T {
  try {
    return read()
  } catch (error) {
    response.destroy()
    throw error
  }
}

/**
 * The body with a limit on how long the backend may be silent. Only time spent waiting for it counts: a consumer that
 * is slow pauses the socket and the clock.
 */
function streamResponse(
  response: IncomingMessage,
  { length, signal, timeoutMs, key }: { length: number; signal: AbortSignal; timeoutMs: number; key: string },
): Readable {
  let left = length
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
      timer ??= setTimeout(() => fail(`S3 was silent for ${timeoutMs} ms`), timeoutMs)
      response.resume()
    },
    destroy(error, done) {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      response.destroy()
      done(error)
    },
  })
  // The request has its own listener, but is done with a short body before anybody reads it.
  const onAbort = () => stream.destroy(asError(signal.reason))
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  // Paused first, for a 'data' listener would start the flow before anybody reads.
  response.pause()
  response.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (stream.push(chunk)) {
      timer?.refresh()
      return
    }
    clearTimeout(timer)
    timer = undefined
    response.pause()
  })
  response.on('end', () => (left === 0 ? stream.push(null) : fail('the body has another length')))
  response.on('error', error => fail('the connection broke off', error))
  if (response.destroyed) fail('the connection broke off')
  return stream
}
