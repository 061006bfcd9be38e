/** What the preconditions of a request are compared with. */
export type Validators = {
  /** As it is sent: quoted, possibly weak. Empty when there is none: then only `*` means this representation. */
  etag: string
  /** Milliseconds since the epoch. */
  lastModified: number
}

/** Request header fields, lower-case names. */
export type RequestFields = Readonly<Record<string, string | string[] | undefined>>

/**
 * Evaluates preconditions for GET and HEAD of an existing representation, in the order of RFC 9110 section 13.2.2.
 * Answers the status to send instead of the representation, or `null` to go on.
 */
export function evaluatePreconditions(fields: RequestFields, current: Validators): 304 | 412 | null {
  const ifMatch = text(fields['if-match'])
  const ifNoneMatch = text(fields['if-none-match'])

  // Section 13.1.1: strong comparison. Section 13.1.4: If-Unmodified-Since is ignored next to it.
  if (ifMatch !== null) {
    if (!listMatches(ifMatch, tag => strongEqual(tag, current.etag))) return 412
  } else {
    const since = date(fields['if-unmodified-since'])
    if (since !== null && seconds(current.lastModified) > since) return 412
  }

  // Section 13.1.2: weak comparison. Section 13.1.3: If-Modified-Since is ignored next to it.
  if (ifNoneMatch !== null) {
    return namesTag(ifNoneMatch, current.etag) ? 304 : null
  }
  const since = date(fields['if-modified-since'])
  return since !== null && seconds(current.lastModified) <= since ? 304 : null
}

/** Whether a list of entity tags holds this one, compared weakly, or is `*`. */
export function namesTag(list: string, etag: string): boolean {
  return listMatches(list, tag => weakEqual(tag, etag))
}

/** Section 13.1.5: a range counts only while the validator in `If-Range` is exactly the current one. */
export function rangeIsCurrent(fields: RequestFields, current: Validators): boolean {
  const ifRange = text(fields['if-range'])?.trim()
  if (!ifRange) return true
  if (ifRange.startsWith('"') || ifRange.startsWith('W/')) return strongEqual(ifRange, current.etag)
  return date(ifRange) === seconds(current.lastModified)
}

function text(field: string | string[] | undefined): string | null {
  return field === undefined ? null : String(field)
}

function listMatches(list: string, matches: (tag: string) => boolean): boolean {
  if (list.trim() === '*') return true
  // mort sends tags without quotes, so its clients return them so.
  return (list.match(/(?:W\/)?"[^"]*"|[^\s,"]+/g) ?? []).some(tag => matches(tag.includes('"') ? tag : `"${tag}"`))
}

function strongEqual(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/')
}

function weakEqual(a: string, b: string): boolean {
  return opaque(a) === opaque(b)
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}

/** Seconds since the epoch; `null` when absent or no HTTP date (section 5.6.7), which is then ignored. */
function date(field: string | string[] | undefined): number | null {
  const value = text(field)
  if (value === null || !/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value.trim())) return null
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? null : seconds(ms)
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
