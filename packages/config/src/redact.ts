import { isPlain } from './freeze.ts'
import type { Config } from './types.ts'

/** A copy to print or to log: secrets are `***`, a regexp is its text. Access keys, which are names, stay. */
export function redact(config: Config): unknown {
  return copy(config)
}

const hidden = '***'

const secrets = new Set([
  // The text of a script.
  'source',
  'secret',
  'secretAccessKey',
  'password',
  'b2ApplicationKey',
  'googleConfigJson',
  'azureKey',
  'oraclePassword',
  'sftpPassword',
  'sftpPrivateKey',
  'sftpPrivateKeypassphrase',
])

/** Headers that are sent to a storage may hold credentials under any name; those of responses are public. */
const requestHeaders = /auth|cookie|credential|key|password|secret|signature|token/i

function copy(value: unknown, name = '', owner = ''): unknown {
  if (typeof value === 'string') return copyText(value, name, owner)
  if (Array.isArray(value)) return value.map(item => copy(item))
  if (isPlain(value))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner, key, name)]))
  return typeof value === 'object' && value !== null ? String(value) : value
}

function copyText(text: string, name: string, owner: string): string {
  if (text === '') return text
  if (secrets.has(name) || (owner === 'headers' && requestHeaders.test(name))) return hidden
  return withoutCredentials(text)
}

/** A URL without its user, password and query, each of which opens doors. Other text as it is. */
function withoutCredentials(text: string): string {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^?]*)(\?.*)?$/is.exec(text)
  if (!match) return text
  const [whole, scheme = '', rest = '', query = ''] = match
  const user = whole.length > scheme.length + rest.length + query.length ? `${hidden}@` : ''
  return scheme + user + rest + (query === '' ? '' : `?${hidden}`)
}
