import { foldedHeader, type Headers } from '../request.ts'
import { canonicalPath, type Target } from '../target.ts'

export type CanonicalParts = {
  method: string
  target: Target
  headers: Headers
  signedHeaders: readonly string[]
  /** What the client says of the body: a digest, or one of the words of `x-amz-content-sha256`. */
  payload: string
}

/**
 * The canonical requests that the client may have signed, as bytes, the likeliest first. Clients differ in a few points,
 * and all readings name the same request, so whichever was signed proves it. `null` when a signed header is missing.
 */
export function canonicalRequests(parts: CanonicalParts): Iterable<Buffer> | null {
  const { headers, signedHeaders } = parts
  if (signedHeaders.some(name => foldedHeader(headers, name) === undefined)) return null
  return readings(parts)
}

function* readings({ method, target, headers, signedHeaders, payload }: CanonicalParts): Generator<Buffer> {
  const query = canonicalQuery(target)
  for (const path of pathReadings(target.path)) {
    for (const host of hostReadings(foldedHeader(headers, 'host') ?? '')) {
      const lines = signedHeaders.map(name => `${name}:${name === 'host' ? host : foldedHeader(headers, name)}`)
      const text = [method, path, query, ...lines, '', signedHeaders.join(';'), payload].join('\n')
      yield* byteReadings(text)
    }
  }
}

/** Encoded once, as S3 wants it; as it was sent; and with escaped slashes as slashes, which they are in a key of S3. */
function pathReadings(path: string): Set<string> {
  const canonical = canonicalPath(path)
  return new Set([canonical, path, canonical.replaceAll('%2F', '/')])
}

/** Some clients send the port that goes without saying, and do not sign it. */
function hostReadings(host: string): Set<string> {
  return new Set([host, host.replace(/:(?:80|443)$/, '')])
}

/** The bytes that arrived; and their UTF-8, because some clients sign a text and send it in Latin-1. */
export function* byteReadings(text: string): Generator<Buffer> {
  const bytes = !/[^\x00-\xff]/.test(text)
  if (bytes) yield Buffer.from(text, 'latin1')
  if (!bytes || /[^\x00-\x7f]/.test(text)) yield Buffer.from(text, 'utf8')
}

function canonicalQuery({ parameters }: Target): string {
  return parameters
    .filter(({ name }) => name !== 'X-Amz-Signature')
    .sort((a, b) => compare(a.name, b.name) || compare(a.value, b.value))
    .map(({ name, value }) => `${name}=${value}`)
    .join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
