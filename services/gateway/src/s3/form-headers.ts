import { S3Error } from './error.ts'

/**
 * The fields of a form as the headers that they stand for. A header is one line, and has only characters of ASCII; what
 * is beyond these in user metadata is written as S3 does it, as an encoded word (RFC 2047). Throws `InvalidArgument` for
 * what no header can say.
 */
export function asHeaders(fields: ReadonlyMap<string, string>): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of fields) {
    if (name.startsWith(metaPrefix)) headers[name] = metadataOf(name, value)
    else headers[name] = stored.has(name) ? check(name, value, line) : value
  }
  return headers
}

const metaPrefix = 'x-amz-meta-'
/** These are given out with the object, as they are. */
const stored = new Set([
  'content-type',
  'content-encoding',
  'content-language',
  'content-disposition',
  'cache-control',
  'expires',
])
/** The names of fields (RFC 9110, section 5.1), by now in lower case; and one line of text. */
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const line = /^[\t\x20-\x7e]*$/
const anyLine = /^[^\0-\x08\x0a-\x1f\x7f]*$/

function metadataOf(name: string, value: string): string {
  check(name, name, token)
  check(name, value, anyLine)
  return line.test(value) ? value : `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`
}

function check(name: string, text: string, pattern: RegExp): string {
  if (pattern.test(text)) return text
  throw new S3Error('InvalidArgument', 'A field of the form has characters that no header can have.', {
    ArgumentName: name.replace(/[^\x21-\x7e]/g, '?').slice(0, 100),
  })
}
