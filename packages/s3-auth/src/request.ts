/** What of a request is looked at. */
export type S3Request = {
  method: string
  /** Path and query as they came, undecoded. */
  rawTarget: string
  headers: Headers
  now: Date
}

/** As node gives them: names in lower case, values with one character for each byte. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** The secret that belongs to an access key; `undefined` when nobody has that key. */
export type SecretLookup = (accessKey: string) => string | undefined

export function headerOf(headers: Headers, name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined
  return typeof value === 'string' ? value : value?.join(',')
}

/** The header as one of the two canonical forms wants it: without white space around it, and single spaces inside. */
export function foldedHeader(headers: Headers, name: string): string | undefined {
  // Not \s: a byte 0xA0 is part of a letter in UTF-8.
  return headerOf(headers, name)
    ?.replace(/[ \t\r\n]+/g, ' ')
    .replace(/^ | $/g, '')
}

/** Names of the `x-amz-*` headers that were sent, sorted. */
export function amzHeaderNames(headers: Headers): string[] {
  return Object.keys(headers)
    .filter(name => name.startsWith('x-amz-') && headers[name] !== undefined)
    .sort()
}
