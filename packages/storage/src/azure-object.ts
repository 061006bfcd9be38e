import type { Readable } from 'node:stream'
import type { BlobDownloadResponseParsed, BlobGetPropertiesResponse, BlobHTTPHeaders } from '@azure/storage-blob'
import { MortiseError } from '@mortise/errors'
import { fromHeaders, type StoredHeaders } from './headers.ts'
import { resolveRange, type Span } from './range.ts'
import { remoteObject } from './remote-object.ts'
import type { ByteRange, ObjectInfo, StoredObject } from './storage.ts'
import { decodeWords, encodeWords } from './words.ts'

type Properties = BlobGetPropertiesResponse | BlobDownloadResponseParsed

export function azureInfo(found: Properties, size: number, key: string): ObjectInfo {
  const said = Object.entries(blobFields).map(([name, field]) => [name, found[field]])
  const own = Object.entries(found.metadata ?? {}).map(([name, value]) => [metadataPrefix + decodeName(name), value])
  const decoded = [...said, ...own].map(([name, value]) => [name, value && decodeWords(value)])
  return {
    ...fromHeaders(Object.fromEntries(decoded), key),
    size,
    etag: (found.etag ?? '').replaceAll('"', ''),
    lastModified: found.lastModified ?? new Date(0),
  }
}

/** An answered download as an object: the headers have come, the body waits in the socket. */
export function azureObject(
  found: BlobDownloadResponseParsed,
  { key, range, ...common }: { key: string; range?: ByteRange; signal: AbortSignal; timeoutMs: number },
): StoredObject {
  const source = found.readableStreamBody as Readable
  const { size, length, span } = orDestroy(source, () => extent(found, range))
  return remoteObject(azureInfo(found, size, key), span, { source, length, key, backend: 'Azure', ...common })
}

/** What is stored beside the bytes, as the client takes it. Further headers are not for it. */
export function toProperties(headers: StoredHeaders): {
  blobHTTPHeaders: BlobHTTPHeaders
  metadata: Record<string, string>
} {
  const fields = Object.entries(blobFields).flatMap(([name, field]) => {
    const value = headers[name]
    return value === undefined ? [] : [[`blob${field[0]!.toUpperCase()}${field.slice(1)}`, encodeWords(value)]]
  })
  const own = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(metadataPrefix) ? [[encodeName(name.slice(metadataPrefix.length)), encodeWords(value)]] : [],
  )
  return { blobHTTPHeaders: Object.fromEntries(fields), metadata: Object.fromEntries(own) }
}

const blobFields = {
  'content-type': 'contentType',
  'cache-control': 'cacheControl',
  'content-encoding': 'contentEncoding',
  'content-language': 'contentLanguage',
  'content-disposition': 'contentDisposition',
} as const

const metadataPrefix = 'x-amz-meta-'

/**
 * Azure's names of metadata are identifiers of C#: letters, digits and underscores, no digit first. Every other
 * character, and the underscore, is written as an underscore and two hexadecimal digits: `parent-etag` is `parent_2detag`.
 */
export function encodeName(name: string): string {
  return name.replace(/^[0-9]|[^a-z0-9]/g, char => `_${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Only what `encodeName` may have written is read back, so that most names of others are left as they are. */
export function decodeName(name: string): string {
  return name.replace(/_([2-7][0-9a-f])/g, (written, hex: string, at: number) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return /[!#$%&'*+.^_`|~-]/.test(char) || (at === 0 && /[0-9]/.test(char)) ? char : written
  })
}

function extent(
  found: BlobDownloadResponseParsed,
  range: ByteRange | undefined,
): { size: number; length: number; span?: Span } {
  const length = found.contentLength ?? Number.NaN
  if (!Number.isSafeInteger(length)) throw unusable('no length')
  const part = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(found.contentRange ?? '')
  if (!part) return { size: length, length, ...(range ? { span: whole(range, length) } : {}) }
  const [start, end, size] = part.slice(1).map(Number) as [number, number, number]
  // Azurite answers a range that begins just behind the last byte, with nothing.
  const span = range && resolveRange(range, size)
  if (span?.start !== start || span.end !== end || end - start + 1 !== length) throw unusable('another range')
  return { size, length, span }
}

/** From the first byte on, nothing but the whole object is asked for. */
function whole(range: ByteRange, size: number): Span {
  const span = resolveRange(range, size)
  if (span.start > 0 || span.end < size - 1) throw unusable('the whole object instead of a range')
  return span
}

function unusable(what: string): MortiseError {
  return new MortiseError('storage_unavailable', `Azure answered with ${what}`)
}

function orDestroy<T>(source: Readable, read: () => T): T {
  try {
    return read()
  } catch (error) {
    source.on('error', () => {}).destroy()
    throw error
  }
}
