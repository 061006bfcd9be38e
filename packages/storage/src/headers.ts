import { MortiseError } from '@mortise/errors'
import mime from 'mime'
import type { NewObject, ObjectInfo } from './storage.ts'

/** What is stored beside the bytes, under lower-case HTTP header names. */
export type StoredHeaders = Record<string, string>

export type DescribedBy = Pick<ObjectInfo, keyof typeof fields | 'metadata'>

/**
 * What a new object says about itself, as headers. Throws `invalid_request` for a value with control characters, a
 * metadata name that is no HTTP token, and for more than 16 KiB in all.
 */
export function toHeaders(object: NewObject): StoredHeaders {
  const entries: [string, string][] = []
  for (const [field, name] of fieldEntries) {
    const value = object[field]
    if (value !== undefined) entries.push([name, value])
  }
  for (const [name, value] of Object.entries(object.metadata ?? {})) {
    if (!token.test(name)) throw new MortiseError('invalid_request', `bad metadata name ${JSON.stringify(name)}`)
    entries.push([metadataPrefix + name.toLowerCase(), value])
  }
  checkValues(entries)
  return Object.fromEntries(entries)
}

/** The fields of an object from stored headers. Other names, and values that are no text, are passed over. */
export function fromHeaders(headers: Record<string, unknown>, key: string): DescribedBy {
  const described: DescribedBy = { metadata: {} }
  for (const [field, name] of fieldEntries) {
    const value = headers[name]
    if (typeof value === 'string') described[field] = value
  }
  const hidden = headers[hiddenExpires]
  if (typeof hidden === 'string') described.expires ??= hidden
  described.contentType ??= guessContentType(key)
  const own: [string, string][] = []
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (typeof value === 'string' && name.startsWith(metadataPrefix))
      own.push([name.slice(metadataPrefix.length), value])
  }
  // Not by assignment: a name may be `__proto__`.
  described.metadata = Object.fromEntries(own)
  return described
}

/** For kinds that have no such field: `Expires` among the user metadata, where `fromHeaders` finds it. */
export function withHiddenExpires({ expires, ...headers }: StoredHeaders): StoredHeaders {
  return expires === undefined ? headers : { ...headers, [hiddenExpires]: expires }
}

/** By the extension of the key; `undefined` when it says nothing. */
export function guessContentType(key: string): string | undefined {
  return mime.getType(`/${key}`) ?? undefined
}

/** The configured headers of a storage in lower case: they are set over those of every new object, as in mort. */
export function configuredHeaders(headers: Record<string, string> = {}): StoredHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

const fields = {
  contentType: 'content-type',
  cacheControl: 'cache-control',
  contentEncoding: 'content-encoding',
  contentLanguage: 'content-language',
  contentDisposition: 'content-disposition',
  expires: 'expires',
} as const

const fieldEntries = Object.entries(fields) as [keyof typeof fields, string][]

export const metadataPrefix = 'x-amz-meta-'

const hiddenExpires = `${metadataPrefix}mortise-expires`

const maxHeaderBytes = 16 * 1024

/** RFC 9110, section 5.6.2. */
const token = /^[\w!#$%&'*+.^`|~-]+$/

/** RFC 9110, section 5.5: a tab is the only control character that a field value may hold. */
const control = /[\0-\x08\x0a-\x1f\x7f]/

function checkValues(entries: [string, string][]): void {
  let bytes = 0
  for (const [name, value] of entries) {
    if (control.test(value)) throw new MortiseError('invalid_request', `${name} contains a control character`)
    bytes += name.length + Buffer.byteLength(value)
  }
  if (bytes > maxHeaderBytes)
    throw new MortiseError('invalid_request', `metadata has more than ${maxHeaderBytes} bytes`)
}
