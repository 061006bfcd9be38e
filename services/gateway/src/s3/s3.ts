import type { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { parseAddress, parseQuery, parseTarget, type Query } from '@mortise/plan'
import type { Headers } from '@mortise/s3-auth'
import type { BucketCall, ObjectCall, S3Call, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { errorDocument, replyTo, S3Error, type S3Reply } from './error.ts'
import { isSigned, subResourceOf } from './names.ts'
import type { Operation } from './operation.ts'
import { operations } from './operations.ts'
import { pace } from './pace.ts'

export type S3Request = {
  method: string
  /** Path and query as they came, undecoded. */
  target: string
  headers: Headers
  /** As it comes. A client that waits to be asked for it (`Expect: 100-continue`) is asked then. */
  body(): Readable
  /** Aborted when the client leaves. */
  signal: AbortSignal
  requestId: string
  /** Told of every body that is in memory, right before it is handed over. */
  watch(body: Uint8Array): void
}

export type S3 = {
  /** Reads of objects that nobody signed are not for the API; nor are preflights. */
  takes(request: Pick<S3Request, 'method' | 'target' | 'headers'>): boolean
  /**
   * The answer; `null` for a signed read of what is no object as it is stored. The errors of a request without a
   * signature are thrown, and for mort's words; the others are documents.
   */
  answer(request: S3Request): Promise<Response | null>
  /** An error as clients of S3 know it. */
  render(error: unknown, request: Pick<S3Request, 'method' | 'target' | 'requestId'>): Response
}

export type S3Options = S3Deps & { onError(error: unknown, reply: S3Reply, request: S3Request): void }

export function createS3(deps: S3Options): S3 {
  return {
    takes: ({ method, target, headers }) =>
      (method !== 'GET' && method !== 'HEAD') ||
      aboutBucket.test(target) ||
      overrides.test(target) ||
      isSigned(target, text(headers)),

    async answer(request) {
      const signed = isSigned(request.target, text(request.headers))
      using paced = pace(request, deps.pace)
      const { signal } = paced
      try {
        const call = readCall(deps, { ...request, signal, body: () => paced.body() }, signed)
        const response = await run(call, sharing(deps, call))
        response?.headers.set('x-amz-request-id', request.requestId)
        return response
      } catch (thrown) {
        if (!signed && !isForm(request)) throw thrown
        const left = request.signal.aborted && new MortiseError('cancelled', 'the client left', { cause: thrown })
        const error = paced.tooSlow ? tooSlow() : left || thrown
        const reply = replyTo(error)
        deps.onError(error, reply, request)
        return errorResponse(reply, request)
      }
    },

    render: (error, request) => errorResponse(replyTo(error), request),
  }
}

/** Who has only a signed URL has only a share of the slots. */
function sharing(deps: S3Deps, { signer, query }: S3Call): S3Deps {
  if (!signer?.form.endsWith('-query')) return deps
  const proof = query.get('X-Amz-Signature') ?? query.get('Signature') ?? ''
  return { ...deps, slots: { take: () => deps.slots.take(proof) } }
}

function tooSlow(): S3Error {
  return new S3Error('RequestTimeout', 'The body of your request came too slowly.')
}

/** Wishes for other headers, which only who signs may have. */
const overrides = /[?&]response-(?:cache-control|content-(?:disposition|encoding|language|type)|expires)=/

/** `/` and `/bucket`, with or without a query. An escaped slash is one, as in mort. */
const aboutBucket = /^\/(?:[^/?%]|%(?!2f))*(?:\?|$)/i

function readCall(deps: S3Deps, request: S3Request, signed: boolean): S3Call {
  const { method, target, headers } = request
  const { bucketName, key, query } = readAddress(target)
  const bucket = Object.hasOwn(deps.buckets, bucketName) ? deps.buckets[bucketName]! : null
  const { signer, check } = signed
    ? deps.access.authenticate({ method, rawTarget: target, headers, now: new Date(deps.now()), bucket: bucketName })
    : { signer: null, check: null }
  // Many clients put a slash behind the bucket; without a signature it names an object that is not there, as in mort.
  return { ...request, query, bucket, bucketName, key: key === '/' ? null : key, signer, check }
}

function readAddress(target: string): { bucketName: string; key: string | null; query: Query } {
  try {
    const { path, query } = parseTarget(target)
    const { bucket, key } = parseAddress(path)
    return { bucketName: bucket, key, query: parseQuery(asSigned(query.raw)) }
  } catch (error) {
    throw new S3Error('InvalidURI', `The URL cannot be used: ${error instanceof Error ? error.message : 'path'}.`)
  }
}

/**
 * What mort drops from a query is signed nevertheless: a semicolon that is written out must not take `attachment;
 * filename=x` away from who signed it, nor a percent sign without its two digits.
 */
function asSigned(query: string): string {
  return query.replaceAll(';', '%3B').replace(/%(?![0-9A-Fa-f]{2})/g, '%25')
}

function run(call: S3Call, deps: S3Deps): Response | null | Promise<Response | null> {
  const operation = find(call)
  switch (operation.on) {
    case 'service':
    case 'name':
      return operation.run(signedCall(call), deps)
    case 'bucket':
      return operation.run(signedCall(bucketCall(call)), deps)
    case 'object':
      return operation.run(signedCall(bucketCall(call) as ObjectCall), deps)
    case 'public bucket':
      if (!call.signer && call.bucket?.private) throw new MortiseError('forbidden', 'the bucket is private')
      return operation.run(bucketCall(call), deps)
    case 'form':
      return operation.run(bucketCall(call), deps)
  }
}

function find(call: S3Call): Operation {
  const { method, bucketName, key, query, headers, signer } = call
  if (!signer && !mayBeAnonymous(call)) throw unsigned(call)
  const on = bucketName === '' ? ['service'] : key === null ? ['name', 'bucket', 'public bucket', 'form'] : ['object']
  const about = subResourceOf(query)
  const copies = headers['x-amz-copy-source'] !== undefined
  const fitting = operations.filter(operation => on.includes(operation.on) && (operation.about ?? '') === about)
  const found = fitting.find(operation => operation.method === method && (operation.copies ?? false) === copies)
  if (found && (found.on !== 'form' || isForm(call))) return found
  if (about !== '') throw new S3Error('NotImplemented', 'This is not implemented.', { Header: about })
  throw new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.', {
    Method: method,
  })
}

function mayBeAnonymous({ method, bucketName, key, query, headers }: S3Call): boolean {
  if (bucketName === '' || key !== null) return false
  if (isForm({ method, headers })) return true
  return (method === 'GET' || method === 'HEAD') && ['', 'location'].includes(subResourceOf(query))
}

/** As in mort: nobody's bucket is 403, and so is the list of buckets; somebody's bucket is 401. */
function unsigned({ bucket, method, key, target }: S3Call): MortiseError {
  if (key !== null && (method === 'GET' || method === 'HEAD') && overrides.test(target)) {
    return new MortiseError('invalid_request', 'headers of the answer are chosen by signed requests only')
  }
  if (!bucket || method === 'GET' || method === 'HEAD') return new MortiseError('forbidden', 'a signature is needed')
  return new MortiseError('unauthenticated', 'writing needs a signature')
}

function isForm({ method, headers }: Pick<S3Request, 'method' | 'headers'>): boolean {
  return method === 'POST' && /^multipart\/form-data\s*;/i.test(String(headers['content-type'] ?? ''))
}

function signedCall<C extends S3Call>(call: C): Signed<C> {
  if (!call.signer || !call.check) throw unsigned(call)
  return call as Signed<C>
}

function bucketCall(call: S3Call): BucketCall {
  if (!call.bucket) throw new MortiseError('no_such_bucket', 'no such bucket')
  return call as BucketCall
}

function errorResponse(
  reply: S3Reply,
  { method, target, requestId }: Pick<S3Request, 'method' | 'target' | 'requestId'>,
): Response {
  const body = errorDocument(reply, target.split('?', 1)[0] ?? '', requestId)
  const headers: Record<string, string> = {
    'content-type': 'application/xml',
    'content-length': String(Buffer.byteLength(body)),
    'x-content-type-options': 'nosniff',
    'x-amz-request-id': requestId,
  }
  // What is left of its body nobody waits for.
  if (reply.s3Code === 'RequestTimeout') headers.connection = 'close'
  if (reply.retryAfter !== null) headers['retry-after'] = String(reply.retryAfter)
  return new Response(method === 'HEAD' ? null : body, { status: reply.status, headers })
}

function text(headers: Headers): string | undefined {
  const value = headers.authorization
  return value === undefined ? undefined : String(value)
}
