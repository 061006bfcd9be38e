import type { Headers } from '@mortise/s3-auth'
import { storedEncoding } from '@mortise/s3-auth/body'
import type { NewObject } from '@mortise/storage'
import { S3Error } from './error.ts'

/** What an upload says about its object besides the bytes. */
export type ObjectFacts = Omit<NewObject, 'body' | 'size'>

/** Bytes of all user metadata, as in S3. */
const maxMetadata = 2048

/** Headers by which a client asks for more than is done: to be silent about it would be to say that it was. */
const refused = [/^x-amz-tagging$/, /^x-amz-grant-/, /^x-amz-server-side-encryption/, /^x-amz-object-lock-/].concat([
  /^x-amz-website-redirect-location$/,
  /^x-amz-write-offset-bytes$/,
  /^x-amz-copy-source-server-side-encryption/,
])

/**
 * Reads them, and refuses what cannot be done. `x-amz-acl` has no effect: many tools always send one, and what may be
 * read is a matter of the bucket.
 */
export function readFacts(headers: Headers): ObjectFacts {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && refused.some(pattern => pattern.test(name))) {
      throw new S3Error('NotImplemented', 'A header that you provided implies functionality that is not implemented.', {
        Header: name,
      })
    }
  }
  const storageClass = one(headers, 'x-amz-storage-class')
  if (storageClass !== undefined && storageClass !== 'STANDARD') {
    throw new S3Error('InvalidStorageClass', 'The storage class you specified is not valid.')
  }
  const facts: ObjectFacts = { metadata: readMetadata(headers) }
  const encoding = storedEncoding(one(headers, 'content-encoding'))
  const [type, control, language, disposition, expires] = [
    ...['content-type', 'cache-control', 'content-language', 'content-disposition', 'expires'],
  ].map(name => one(headers, name))
  if (type) facts.contentType = type
  if (control) facts.cacheControl = control
  if (encoding) facts.contentEncoding = encoding
  if (language) facts.contentLanguage = language
  if (disposition) facts.contentDisposition = disposition
  if (expires) facts.expires = expires
  return facts
}

/** What an object says about itself, for a copy of it. */
export function factsOf(info: ObjectFacts): ObjectFacts {
  const facts: ObjectFacts = {
    // What begins so is about the old bytes.
    metadata: Object.fromEntries(Object.entries(info.metadata ?? {}).filter(([name]) => !name.startsWith(ours))),
  }
  if (info.contentType) facts.contentType = info.contentType
  if (info.cacheControl) facts.cacheControl = info.cacheControl
  if (info.contentEncoding) facts.contentEncoding = info.contentEncoding
  if (info.contentLanguage) facts.contentLanguage = info.contentLanguage
  if (info.contentDisposition) facts.contentDisposition = info.contentDisposition
  if (info.expires) facts.expires = info.expires
  return facts
}

/** Preconditions of a write (RFC 9110, sections 13.1.1 and 13.1.2), as far as S3 has them. */
export function readConditions(headers: Headers): Pick<NewObject, 'ifAbsent' | 'ifMatch'> {
  const [match, noneMatch] = [one(headers, 'if-match'), one(headers, 'if-none-match')]
  if (noneMatch !== undefined && noneMatch.trim() !== '*') {
    throw new S3Error('NotImplemented', 'If-None-Match is only understood with *.', { Header: 'If-None-Match' })
  }
  if (match !== undefined && noneMatch !== undefined) {
    throw new S3Error('NotImplemented', 'If-Match and If-None-Match exclude each other.', { Header: 'If-Match' })
  }
  if (noneMatch !== undefined) return { ifAbsent: true }
  return match === undefined ? {} : { ifMatch: unquoted(match) }
}

export function unquoted(etag: string): string {
  return etag.trim().replace(/^"(.*)"$/, '$1')
}

export function one(headers: Headers, name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined
  return typeof value === 'string' || value === undefined ? value : value.join(', ')
}

const prefix = 'x-amz-meta-'
const ours = 'mortise-'

function readMetadata(headers: Headers): Record<string, string> {
  const metadata: Record<string, string> = {}
  let bytes = 0
  for (const name of Object.keys(headers)) {
    // What Mortise notes beside objects is under these names, and nobody else says it.
    if (!name.startsWith(prefix) || name.startsWith(prefix + ours)) continue
    const value = one(headers, name) ?? ''
    metadata[name.slice(prefix.length)] = value
    bytes += name.length - prefix.length + value.length
  }
  if (bytes > maxMetadata) {
    throw new S3Error('InvalidRequest', 'Your metadata headers exceed the maximum allowed metadata size.')
  }
  return metadata
}
