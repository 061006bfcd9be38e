import { createHmac, timingSafeEqual } from 'node:crypto'
import { parseHttpDate } from '../dates.ts'
import { S3Refusal } from '../refusal.ts'
import { headerOf, type S3Request, type SecretLookup } from '../request.ts'
import { parameterOf, type Target } from '../target.ts'
import { byteReadings } from '../v4/canonical.ts'
import { checkExpiry, checkSkew, findSecret, signatureMismatch } from '../v4/verify.ts'
import { textsToSign } from './text-to-sign.ts'

/** `Authorization: AWS KEY:signature`. Returns the access key, or throws. */
export function verifyV2Header(request: S3Request, target: Target, lookup: SecretLookup): string {
  const authorization = headerOf(request.headers, 'authorization') ?? ''
  const [, accessKey, signature] = /^AWS (.{1,128}):([A-Za-z0-9+/]+={0,2})$/.exec(authorization) ?? []
  if (!accessKey || !signature) {
    throw new S3Refusal(
      'AuthorizationHeaderMalformed',
      'The authorization header is malformed; expecting AWS KEY:signature.',
    )
  }
  const secret = findSecret(accessKey, lookup)
  const amzDate = headerOf(request.headers, 'x-amz-date')
  const date = headerOf(request.headers, 'date') ?? ''
  const signedAt = parseHttpDate(amzDate ?? date)
  if (signedAt === null)
    throw new S3Refusal('AccessDenied', 'A signed request needs a valid Date or x-amz-date header.')
  checkSkew(signedAt, request.now)
  // The other date stands among the headers that are signed.
  verify(signature, secret, textsToSign(request, target, amzDate === undefined ? date : ''))
  return accessKey
}

/** `AWSAccessKeyId`, `Signature` and `Expires` (a Unix time) in the query. Returns the access key, or throws. */
export function verifyV2Query(request: S3Request, target: Target, lookup: SecretLookup): string {
  const [accessKey, signature, expires] = ['AWSAccessKeyId', 'Signature', 'Expires'].map(n => parameterOf(target, n))
  if (!accessKey || !signature || !expires || !/^\d{1,12}$/.test(expires)) {
    throw new S3Refusal(
      'AccessDenied',
      'A signature in the query needs AWSAccessKeyId, Signature and Expires, once each.',
    )
  }
  const secret = findSecret(accessKey, lookup)
  checkExpiry(Number(expires) * 1000, request.now)
  // Base64 has no spaces, but pluses, which some clients do not encode.
  verify(signature.replaceAll(' ', '+'), secret, textsToSign(request, target, expires))
  return accessKey
}

/** Whether a base64 HMAC-SHA1 is that of one of the texts, compared in constant time. */
export function matchesV2(signature: string, secret: string, texts: Iterable<string>): boolean {
  const sent = Buffer.from(signature, 'base64')
  for (const text of texts) {
    for (const bytes of byteReadings(text)) {
      const expected = createHmac('sha1', secret).update(bytes).digest()
      if (sent.length === expected.length && timingSafeEqual(sent, expected)) return true
    }
  }
  return false
}

function verify(signature: string, secret: string, texts: Iterable<string>): void {
  if (!matchesV2(signature, secret, texts)) throw signatureMismatch()
}
