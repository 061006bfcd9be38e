import { formatAmzDate, maxExpiresSeconds, parseAmzDate, parseHttpDate } from '../dates.ts'
import { S3Refusal } from '../refusal.ts'
import { headerOf, type S3Request } from '../request.ts'
import { parameterOf, type Target } from '../target.ts'
import { type Credential, parseCredential } from './credential.ts'

/** What a request says of itself, in the header or in the query, before any of it is proven. */
export type Claim = {
  form: 'v4-header' | 'v4-query'
  credential: Credential
  /** `20130524T000000Z` */
  amzDate: string
  signedAt: number
  /** Only in the query: milliseconds. */
  expiresAt?: number
  signedHeaders: string[]
  signature: string
  payload: string
}

const algorithm = 'AWS4-HMAC-SHA256'

/** `AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`, with or without spaces, in any order. */
export function readHeaderClaim({ headers }: S3Request): Claim {
  const fields = new Map<string, string>()
  for (const part of (headerOf(headers, 'authorization') ?? '').slice(algorithm.length).split(',')) {
    const [, name, value] = /^\s*(Credential|SignedHeaders|Signature)=(\S+)\s*$/.exec(part) ?? []
    if (!name || !value || fields.has(name)) throw malformed('it is not Credential, SignedHeaders and Signature')
    fields.set(name, value)
  }
  const [credential, signedHeaders, signature] = ['Credential', 'SignedHeaders', 'Signature'].map(n => fields.get(n))
  if (!credential || !signedHeaders || !signature) throw malformed('it needs Credential, SignedHeaders and Signature')
  const payload = headerOf(headers, 'x-amz-content-sha256')
  if (payload === undefined) {
    throw new S3Refusal('MissingSecurityHeader', 'The request needs the header x-amz-content-sha256.')
  }
  return {
    form: 'v4-header',
    credential:
      parseCredential(credential) ?? refuse(malformed('its credential is not KEY/DATE/REGION/s3/aws4_request')),
    ...readDate(headers),
    signedHeaders: parseSignedHeaders(signedHeaders) ?? refuse(malformed('its SignedHeaders are no list of names')),
    signature,
    payload,
  }
}

export function readQueryClaim({ headers }: S3Request, target: Target): Claim {
  const read = (name: string) =>
    parameterOf(target, name) ?? refuse(badQuery(`A signature in the query needs ${name}, once.`))
  if (read('X-Amz-Algorithm') !== algorithm) throw badQuery(`X-Amz-Algorithm must be ${algorithm}.`)
  const amzDate = read('X-Amz-Date')
  const signedAt = parseAmzDate(amzDate) ?? refuse(badQuery('X-Amz-Date must be like 20130524T000000Z.'))
  const seconds = read('X-Amz-Expires')
  if (!/^\d{1,9}$/.test(seconds) || Number(seconds) < 1 || Number(seconds) > maxExpiresSeconds) {
    throw badQuery(`X-Amz-Expires must be from 1 to ${maxExpiresSeconds} seconds.`)
  }
  return {
    form: 'v4-query',
    credential:
      parseCredential(read('X-Amz-Credential')) ??
      refuse(badQuery('X-Amz-Credential must be KEY/DATE/REGION/s3/aws4_request.')),
    amzDate,
    signedAt,
    expiresAt: signedAt + Number(seconds) * 1000,
    signedHeaders:
      parseSignedHeaders(read('X-Amz-SignedHeaders')) ??
      refuse(badQuery('X-Amz-SignedHeaders must be names with semicolons between them.')),
    signature: read('X-Amz-Signature'),
    payload:
      parameterOf(target, 'X-Amz-Content-Sha256') ?? headerOf(headers, 'x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
  }
}

/** `x-amz-date`, or else `Date`. */
function readDate(headers: S3Request['headers']): Pick<Claim, 'amzDate' | 'signedAt'> {
  const amzDate = headerOf(headers, 'x-amz-date')
  const signedAt = amzDate === undefined ? parseHttpDate(headerOf(headers, 'date') ?? '') : parseAmzDate(amzDate)
  if (signedAt === null)
    throw new S3Refusal('AccessDenied', 'A signed request needs a valid Date or x-amz-date header.')
  return { amzDate: formatAmzDate(signedAt), signedAt }
}

function parseSignedHeaders(text: string): string[] | null {
  const names = text.split(';')
  const tokens = names.every(name => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
  return tokens && new Set(names).size === names.length ? names : null
}

function malformed(reason: string): S3Refusal {
  return new S3Refusal('AuthorizationHeaderMalformed', `The authorization header is malformed; ${reason}.`)
}

function badQuery(message: string): S3Refusal {
  return new S3Refusal('AuthorizationQueryParametersError', message)
}

function refuse(refusal: S3Refusal): never {
  throw refusal
}
