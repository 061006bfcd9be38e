import { createHash } from 'node:crypto'
import { maxSkewMs } from '../dates.ts'
import { S3Refusal } from '../refusal.ts'
import { amzHeaderNames, type Headers, headerOf, type S3Request, type SecretLookup } from '../request.ts'
import type { Target } from '../target.ts'
import { canonicalRequests } from './canonical.ts'
import type { Claim } from './claim.ts'
import type { Credential } from './credential.ts'
import { hmac, matchesHex, type SigningKeys } from './signing-keys.ts'

/** What the signatures of chunks are made with, and the first of the chain. The key is a secret: not for a log. */
export type ChunkSigning = { key: Buffer; amzDate: string; scope: string; seed: string }

export type V4Settings = { region: string; anyRegion: boolean; keys: SigningKeys }

/** Proves a claim, or throws what is wrong with it. */
export function verifyV4(
  claim: Claim,
  request: S3Request,
  target: Target,
  lookup: SecretLookup,
  settings: V4Settings,
): ChunkSigning {
  const { credential, amzDate, signature } = claim
  checkScope(credential, amzDate, settings, scopeCodes[claim.form])
  const secret = findSecret(credential.accessKey, lookup)
  checkTime(claim, request.now)
  checkSigned(claim, request.headers)
  const key = settings.keys(secret, credential)
  const { signedHeaders, payload } = claim
  const readings = canonicalRequests({
    method: request.method,
    target,
    headers: request.headers,
    signedHeaders,
    payload,
  })
  for (const canonical of readings ?? []) {
    const digest = createHash('sha256').update(canonical).digest('hex')
    const expected = hmac(key, `AWS4-HMAC-SHA256\n${amzDate}\n${credential.scope}\n${digest}`)
    if (matchesHex(signature, expected)) return { key, amzDate, scope: credential.scope, seed: signature }
  }
  throw signatureMismatch()
}

const scopeCodes = {
  'v4-header': 'AuthorizationHeaderMalformed',
  'v4-query': 'AuthorizationQueryParametersError',
} as const

export function checkScope(
  credential: Credential,
  amzDate: string,
  { region, anyRegion }: Pick<V4Settings, 'region' | 'anyRegion'>,
  code: 'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError' | 'AccessDenied',
): void {
  if (credential.date !== amzDate.slice(0, 8)) {
    throw new S3Refusal(code, 'The date of the credential is not that of the request.')
  }
  if (!anyRegion && credential.region !== region) {
    // By this element clients learn the region, and try again with it.
    throw new S3Refusal(code, `The region of the credential is wrong; expecting '${region}'.`, { Region: region })
  }
}

export function findSecret(accessKey: string, lookup: SecretLookup): string {
  const secret = lookup(accessKey)
  // An empty secret is one that everybody knows.
  if (secret) return secret
  throw new S3Refusal('InvalidAccessKeyId', 'The access key is not known here.', { AWSAccessKeyId: accessKey })
}

export function checkSkew(signedAt: number, now: Date): void {
  if (Math.abs(now.getTime() - signedAt) <= maxSkewMs) return
  throw new S3Refusal('RequestTimeTooSkewed', 'The time of the request is too far from that of the server.', {
    RequestTime: new Date(signedAt).toISOString(),
    ServerTime: now.toISOString(),
    MaxAllowedSkewMilliseconds: String(maxSkewMs),
  })
}

export function checkExpiry(expiresAt: number, now: Date): void {
  if (now.getTime() <= expiresAt) return
  const details = { Expires: new Date(expiresAt).toISOString(), ServerTime: now.toISOString() }
  throw new S3Refusal('AccessDenied', 'Request has expired', details)
}

export function signatureMismatch(): S3Refusal {
  return new S3Refusal('SignatureDoesNotMatch', 'The signature is not that of this request with this key.')
}

function checkTime({ expiresAt, signedAt }: Claim, now: Date): void {
  if (expiresAt === undefined) {
    checkSkew(signedAt, now)
  } else {
    checkExpiry(expiresAt, now)
    if (signedAt - now.getTime() > maxSkewMs) throw new S3Refusal('AccessDenied', 'Request is not valid yet')
  }
}

/** An unsigned `x-amz-*` header could turn what was signed into something else: into a copy of another object, say. */
function checkSigned({ signedHeaders, form, payload }: Claim, headers: Headers): void {
  const needed = ['host', ...amzHeaderNames(headers)]
  const missing = needed.filter(name => !signedHeaders.includes(name)).filter(name => !isSignedOtherwise(name))
  if (missing.length === 0) return
  const details = { HeadersNotSigned: missing.join(', ') }
  throw new S3Refusal('AccessDenied', 'There were headers in the request that were not signed.', details)

  /** In the query form what it says is part of the canonical request anyway. */
  function isSignedOtherwise(name: string): boolean {
    return form === 'v4-query' && name === 'x-amz-content-sha256' && headerOf(headers, name) === payload
  }
}
