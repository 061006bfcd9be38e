import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { MortiseError } from '@mortise/errors'
import { fromHeaders } from './headers.ts'
import { resolveRange, type Span } from './range.ts'
import { remoteObject } from './remote-object.ts'
import type { ByteRange, ObjectInfo, StoredObject } from './storage.ts'
import { decodeWords } from './words.ts'

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
  const body = { source: response, length, signal, timeoutMs, key, backend: 'S3' }
  return remoteObject(s3Info(response.headers, size, key), span, body)
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
