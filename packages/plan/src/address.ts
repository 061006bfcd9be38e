import { MortiseError } from '@mortise/errors'

/** A request target, read once. */
export type Target = {
  /** Decoded, as the client wrote it: slashes are neither collapsed nor trimmed. */
  path: string
  query: Query
}

/** The first value of each parameter, except where a grammar asks for all. Names are case-sensitive. */
export type Query = {
  get(name: string): string | undefined
  all(name: string): string[]
  /** Every parameter once, in the order of first mention. */
  names(): string[]
  /** As it came, undecoded. */
  raw: string
}

export type Address = {
  /** Empty for `/`. */
  bucket: string
  /** With a leading slash; `null` for `/bucket`. */
  key: string | null
}

/**
 * Decodes a request target (RFC 9112 section 3.2, origin or absolute form) exactly once. Whatever could mean something
 * else further inside (NUL and other controls, backslashes, dot segments, bytes that are no UTF-8) is `invalid_request`;
 * a doubly encoded path is therefore just the name of an object that does not exist.
 */
export function parseTarget(target: string): Target {
  const question = target.indexOf('?')
  const rawPath = question < 0 ? target : target.slice(0, question)
  const path = decodePath(rawPath.startsWith('/') ? rawPath : withoutAuthority(rawPath))
  return { path, query: question < 0 ? noQuery : parseQuery(target.slice(question + 1)) }
}

/** Splits a decoded path at its first two slashes, as mort does: `/bucket/rest`. */
export function parseAddress(path: string): Address {
  const second = path.indexOf('/', 1)
  if (second < 0) return { bucket: path.slice(1), key: null }
  return { bucket: path.slice(1, second), key: path.slice(second) }
}

/**
 * The key that a URL for everybody means: repeated slashes count as one, as in mort. A signed request of the S3 API means
 * its key as it is.
 */
export function publicKey(key: string): string {
  return key.replace(/\/{2,}/g, '/')
}

/** Refuses what must never reach a storage, wherever the text came from. Returns the path. */
export function checkPath(path: string): string {
  if (hasForbiddenCharacter(path)) throw new MortiseError('invalid_request', 'path: control character or backslash')
  if (path.includes('/.') && path.split('/').some(segment => segment === '.' || segment === '..')) {
    throw new MortiseError('invalid_request', 'path: dot segment')
  }
  return path
}

function decodePath(raw: string): string {
  if (!raw.startsWith('/')) throw new MortiseError('invalid_request', 'target: not a path')
  if (!raw.includes('%')) return checkPath(raw)
  try {
    return checkPath(decodeURIComponent(raw))
  } catch (error) {
    if (error instanceof MortiseError) throw error
    throw new MortiseError('invalid_request', 'path: bad percent-encoding')
  }
}

function hasForbiddenCharacter(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code < 0x20 || code === 0x7f || code === 0x5c) return true
  }
  return false
}

/** `http://host/path` is allowed in a request line; its host is nobody's business here. */
function withoutAuthority(target: string): string {
  const match = /^https?:\/\/[^/]*/i.exec(target)
  return match ? target.slice(match[0].length) || '/' : target
}

export const noQuery: Query = { get: () => undefined, all: () => [], names: () => [], raw: '' }

/** As Go's net/url, which mort uses: pairs with `;` or a broken escape are dropped, `+` is a space. */
export function parseQuery(text: string): Query {
  const values = new Map<string, string[]>()
  for (const pair of text.split('&')) {
    if (pair === '' || pair.includes(';')) continue
    const equals = pair.indexOf('=')
    const name = decodeForm(equals < 0 ? pair : pair.slice(0, equals))
    const value = decodeForm(equals < 0 ? '' : pair.slice(equals + 1))
    if (name === null || value === null) continue
    const known = values.get(name)
    if (known) known.push(value)
    else values.set(name, [value])
  }
  return {
    get: name => values.get(name)?.[0],
    all: name => values.get(name) ?? [],
    names: () => [...values.keys()],
    raw: text,
  }
}

function decodeForm(text: string): string | null {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return null
  }
}
