import type { IncomingHttpHeaders } from 'node:http'
import { fromHeaders } from './headers.ts'
import type { ObjectInfo } from './storage.ts'

export type Version = { etag: string; weak?: true }

/** What an answer says about an object; `null` when it does not say how long it is, or which version. */
export function readInfo(headers: IncomingHttpHeaders, key: string): ObjectInfo | null {
  const size = lengthOf(headers)
  const version = size !== null && readVersion(headers, size)
  return version ? describeAnswer(headers, key, { size, ...version }) : null
}

/** Bytes of the body; `null` when the answer does not say. */
export function lengthOf(headers: IncomingHttpHeaders): number | null {
  const text = headers['content-length']
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** RFC 9110, section 8.8: the tag of the origin, else its date, which holds for a second and is therefore weak. */
export function readVersion(headers: IncomingHttpHeaders, size: number): Version | null {
  const [, weak, tag] = /^(W\/)?"?([\x21\x23-\x7e\x80-\xff]+)"?$/.exec(headers.etag ?? '') ?? []
  if (tag) return { etag: tag, ...(weak ? { weak: true } : {}) }
  const modified = readDate(headers['last-modified'])
  return modified ? { etag: `${modified.getTime().toString(16)}-${size.toString(16)}`, weak: true } : null
}

export function describeAnswer(
  headers: IncomingHttpHeaders,
  key: string,
  known: Version & { size: number },
): ObjectInfo {
  const extra = Object.entries(headers).filter(([name, value]) => typeof value === 'string' && isExtra(name))
  return {
    // When a copy of it is no longer fresh is for who asks the origin.
    ...fromHeaders({ ...headers, expires: undefined }, key),
    ...known,
    // Who does not know when it was made must not let a client believe that it has not changed since.
    lastModified: readDate(headers['last-modified']) ?? new Date(),
    ...(extra.length > 0 ? { extraHeaders: Object.fromEntries(extra) as Record<string, string> } : {}),
  }
}

/** What mort passes on, without what is ours to say, or an order to a server in front of us. */
function isExtra(name: string): boolean {
  return /^x-(?!amz-meta-|mort-|mortise-|request-id$|accel-|sendfile|lighttpd-|litespeed-|reproxy-)/.test(name)
}

function readDate(text: string | undefined): Date | null {
  const date = new Date(text ?? Number.NaN)
  return Number.isNaN(date.getTime()) ? null : date
}
