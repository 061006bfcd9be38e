import { type BodyCheck, readBodyCheck } from './body/body-check.ts'
import { type AcceptedForm, type PostForm, verifyPostForm } from './post/post-form.ts'
import { S3Refusal } from './refusal.ts'
import { headerOf, type S3Request, type SecretLookup } from './request.ts'
import { parameterOf, readTarget, type Target } from './target.ts'
import { verifyV2Header, verifyV2Query } from './v2/verify.ts'
import { type Claim, readHeaderClaim, readQueryClaim } from './v4/claim.ts'
import { createSigningKeys } from './v4/signing-keys.ts'
import { type ChunkSigning, type V4Settings, verifyV4 } from './v4/verify.ts'

export type { AcceptedForm, PostForm } from './post/post-form.ts'
export type { Headers, S3Request, SecretLookup } from './request.ts'

export type S3AuthOptions = {
  /** The region that credentials have to name; `mort` when absent. */
  region?: string
  /** Any other region is right as well. */
  anyRegion?: boolean
}

export type Identity = {
  accessKey: string
  form: 'v4-header' | 'v4-query' | 'v2-header' | 'v2-query'
}

export type Authenticated = {
  identity: Identity
  /** For `verifyBody`; an operation that reads no body does without. */
  body: BodyCheck
}

export type S3Auth = {
  /**
   * Who sent the request, and how its body is to be checked. `null` when it is not signed at all. Of a signature in the
   * query and one in the header, the one in the query counts. Throws `S3Refusal`.
   */
  authenticate(request: S3Request, lookup: SecretLookup): Authenticated | null
  /** Whose policy allows an upload by a form, and of which file. Throws `S3Refusal`. */
  authenticatePost(form: PostForm, lookup: SecretLookup): AcceptedForm
}

export function createS3Auth({ region = 'mort', anyRegion = false }: S3AuthOptions = {}): S3Auth {
  const settings: V4Settings = { region, anyRegion, keys: createSigningKeys() }
  return {
    authenticate(request, lookup) {
      const target = readTarget(request.rawTarget)
      switch (formOf(request, target)) {
        case 'v4-query':
          return byV4(readQueryClaim(request, target), request, target, lookup, settings)
        case 'v4-header':
          return byV4(readHeaderClaim(request), request, target, lookup, settings)
        case 'v2-query':
          return authenticated({ accessKey: verifyV2Query(request, target, lookup), form: 'v2-query' }, request, target)
        case 'v2-header':
          return authenticated(
            { accessKey: verifyV2Header(request, target, lookup), form: 'v2-header' },
            request,
            target,
          )
        default:
          return null
      }
    },
    authenticatePost: (form, lookup) => verifyPostForm(form, lookup, settings),
  }
}

function formOf({ headers }: S3Request, { parameters }: Target): Identity['form'] | null {
  const has = (name: string) => parameters.some(parameter => parameter.name === name)
  if (has('X-Amz-Signature') || has('X-Amz-Algorithm')) return 'v4-query'
  if (has('AWSAccessKeyId')) return 'v2-query'
  const authorization = headerOf(headers, 'authorization')
  if (authorization === undefined) return null
  if (authorization.startsWith('AWS4-HMAC-SHA256 ')) return 'v4-header'
  if (authorization.startsWith('AWS ')) return 'v2-header'
  throw new S3Refusal('InvalidArgument', 'Unsupported Authorization Type', { ArgumentName: 'Authorization' })
}

function byV4(
  claim: Claim,
  request: S3Request,
  target: Target,
  lookup: SecretLookup,
  settings: V4Settings,
): Authenticated {
  const signing = verifyV4(claim, request, target, lookup, settings)
  const identity: Identity = { accessKey: claim.credential.accessKey, form: claim.form }
  return authenticated(identity, request, target, claim.payload, signing)
}

function authenticated(
  identity: Identity,
  { method, headers }: S3Request,
  target: Target,
  payload = headerOf(headers, 'x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
  signing?: ChunkSigning,
): Authenticated {
  // To complete a multipart upload is to say what the checksum of the object is, not that of the list of its parts.
  const foreignChecksum = method === 'POST' && parameterOf(target, 'uploadId') !== undefined
  return { identity, body: readBodyCheck(headers, { payload, foreignChecksum, ...(signing ? { signing } : {}) }) }
}
