import type { BucketConfig, HeaderRule } from '@mortise/config'
import type { ObjectInfo } from '@mortise/storage'
import { publicMetadata } from '@mortise/storage/record'

/** Response header fields, lower-case names. */
export type Fields = Record<string, string>

const allowed = 'Content-Type, X-Amz-Public-Width, X-Amz-Public-Height'

/** On everything that was planned, errors of storages included. */
export const commonFields: Readonly<Fields> = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'POST, GET, OPTIONS, HEAD',
  'access-control-allow-headers': allowed,
  'access-control-expose-headers': allowed,
  'accept-ranges': 'bytes',
}

/** The fields of a stored object as it is. */
export function objectFields(info: ObjectInfo): Fields {
  const fields: Fields = {
    ...commonFields,
    'content-type': info.contentType ?? 'application/octet-stream',
    'last-modified': info.lastModified.toUTCString(),
    'x-content-type-options': 'nosniff',
  }
  if (info.etag) fields.etag = info.weak ? `W/${quoted(info.etag)}` : quoted(info.etag)
  if (info.cacheControl) fields['cache-control'] = info.cacheControl
  if (info.contentEncoding) fields['content-encoding'] = info.contentEncoding
  if (info.contentLanguage) fields['content-language'] = info.contentLanguage
  if (info.contentDisposition) fields['content-disposition'] = info.contentDisposition
  if (info.expires) fields.expires = info.expires
  for (const [name, value] of publicMetadata(info)) fields[`x-amz-meta-${name}`] = value
  for (const [name, value] of Object.entries(info.extraHeaders ?? {})) fields[name] ??= value
  return withSafety(fields)
}

/**
 * An SVG can carry scripts, which nobody expects of an image; opened by itself it would run them with the rights of this
 * origin. HTML and XML are pages that the operator has put there, and work as they do under mort.
 */
export function withSafety(fields: Fields): Fields {
  if (fields['content-type']?.toLowerCase().startsWith('image/svg'))
    fields['content-security-policy'] = "script-src 'none'; sandbox"
  return fields
}

/**
 * Leaves out what no header can hold (RFC 9110 section 5.5): names and values come from stored objects and from other
 * processes, and one of them must not be able to fail every response that carries it.
 */
export function legalFields(fields: Fields): Fields {
  for (const [name, value] of Object.entries(fields)) {
    if (!legalName.test(name) || !legalValue.test(value)) delete fields[name]
  }
  return fields
}

/** RFC 9110, section 5.5. */
export function isLegalValue(value: string): boolean {
  return legalValue.test(value)
}

const legalName = /^[!#$%&'*+.^_`|~\w-]+$/
const legalValue = /^[\t\x20-\x7e\x80-\xff]*$/

/** Says that another value of that request field could give another answer. */
export function addVary(fields: Fields, name: string): void {
  const names = fields.vary?.toLowerCase().split(/[\s,]+/) ?? []
  if (!names.includes('*') && !names.includes(name.toLowerCase())) {
    fields.vary = fields.vary ? `${fields.vary}, ${name}` : name
  }
}

/** For answers without the body of their 200. */
export function withoutBodyFields({ 'content-type': _type, 'content-encoding': _encoding, ...fields }: Fields): Fields {
  return fields
}

function quoted(etag: string): string {
  return `"${etag}"`
}

export type HeaderRules = (bucket: string | null, status: number, fields: Fields) => void

/**
 * The header rules of the configuration, applied in place: the bucket's own where a field is missing, then the first
 * global rule for the status. A name that is not in canonical case (`cache-control` for `Cache-Control`) always
 * replaces, because mort's files are written for that.
 */
export function createHeaderRules(rules: HeaderRule[], buckets: Record<string, BucketConfig>): HeaderRules {
  const ofBuckets = new Map(Object.values(buckets).map(({ name, headers }) => [name, compile(headers, false)]))
  const ofStatus = new Map<number, Setter[]>()
  for (const { statusCodes, override, values } of rules) {
    for (const status of statusCodes) if (!ofStatus.has(status)) ofStatus.set(status, compile(values, override))
  }
  return (bucket, status, fields) => {
    if (bucket !== null) for (const set of ofBuckets.get(bucket) ?? []) set(fields)
    for (const set of ofStatus.get(status) ?? []) set(fields)
  }
}

type Setter = (fields: Fields) => void

function compile(values: Record<string, string>, override: boolean): Setter[] {
  // The configuration has said which it leaves out.
  return Object.entries(legalFields({ ...values })).map(([given, value]) => {
    const name = given.toLowerCase()
    const replace = override || given !== canonical(name)
    return fields => {
      if (replace || !(name in fields)) fields[name] = value
    }
  })
}

function canonical(name: string): string {
  return name.replace(/(^|-)[a-z]/g, letter => letter.toUpperCase())
}
