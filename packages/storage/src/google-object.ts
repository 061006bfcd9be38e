import { MortiseError } from '@mortise/errors'
import type { GoogleAnswer } from './google-wire.ts'
import { fromHeaders, type StoredHeaders } from './headers.ts'
import { resolveRange } from './range.ts'
import { remoteObject } from './remote-object.ts'
import type { ByteRange, ObjectInfo, StoredObject } from './storage.ts'

/** What Google says about an object, as far as it matters here. */
export type GoogleResource = {
  size?: string
  generation?: string
  metageneration?: string
  updated?: string
  metadata?: Record<string, string>
} & { [K in (typeof resourceFields)[keyof typeof resourceFields]]?: string }

export function readResource(text: string): GoogleResource {
  try {
    const read: GoogleResource | null = JSON.parse(text)
    if (typeof read?.generation === 'string' && /^\d+$/.test(read.size ?? '')) return read
  } catch {
    // Said below.
  }
  throw unusable('what does not describe an object')
}

export function googleInfo(resource: GoogleResource, key: string): ObjectInfo {
  const said = Object.entries(resourceFields).map(([name, field]) => [name, resource[field]])
  const own = Object.entries(resource.metadata ?? {}).map(([name, value]) => [
    metadataPrefix + name.toLowerCase(),
    value,
  ])
  return {
    ...fromHeaders(Object.fromEntries([...said, ...own]), key),
    size: Number(resource.size),
    // A generation is one state of the bytes, a metageneration one of what is said about them.
    etag: `${resource.generation}-${resource.metageneration ?? 1}`,
    lastModified: new Date(resource.updated ?? 0),
  }
}

/** What is stored beside the bytes, as Google takes it. */
export function toResource(name: string, headers: StoredHeaders): Record<string, unknown> {
  const fields = Object.entries(resourceFields).map(([header, field]) => [field, headers[header]])
  const own = Object.entries(headers).flatMap(([header, value]) =>
    header.startsWith(metadataPrefix) ? [[header.slice(metadataPrefix.length), value]] : [],
  )
  const storageClass = headers['x-goog-storage-class']
  return { name, storageClass, ...Object.fromEntries(fields), metadata: Object.fromEntries(own) }
}

/**
 * An answered download as an object: what it is has been told apart, and its bytes wait in the socket. `null` when they
 * are not of the generation that was told about.
 */
export function googleObject(
  answer: GoogleAnswer,
  resource: GoogleResource,
  { key, range, ...common }: { key: string; range?: ByteRange; signal: AbortSignal; timeoutMs: number },
): StoredObject | null {
  const { headers, statusCode, body: source } = answer
  const info = googleInfo(resource, key)
  if ((headers['x-goog-generation'] ?? resource.generation) !== resource.generation) return null
  const span = range && resolveRange(range, info.size)
  if (statusCode !== 206 || !span) {
    const part = span ? { length: span.end - span.start + 1, skip: span.start } : { length: info.size }
    return remoteObject(info, span, { source, key, backend: 'Google', ...common, ...part })
  }
  if (headers['content-range'] !== `bytes ${span.start}-${span.end}/${info.size}`) throw unusable('another range')
  const length = span.end - span.start + 1
  return remoteObject(info, span, { source, key, backend: 'Google', ...common, length })
}

const resourceFields = {
  'content-type': 'contentType',
  'cache-control': 'cacheControl',
  'content-encoding': 'contentEncoding',
  'content-language': 'contentLanguage',
  'content-disposition': 'contentDisposition',
} as const

const metadataPrefix = 'x-amz-meta-'

function unusable(what: string): MortiseError {
  return new MortiseError('storage_unavailable', `Google answered with ${what}`)
}
