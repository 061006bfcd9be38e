import { MortiseError } from '@mortise/errors'
import type { Planner, Resolution } from '@mortise/plan'
import type { MemoryCache } from '../cache/memory-cache.ts'
import type { Delivery } from '../cache/responses.ts'
import type { Compress } from '../compress.ts'
import type { Cors } from '../cors.ts'
import type { Debug } from '../debug.ts'
import type { Accepted, Deliver, Redirection, Replacement } from '../deliver.ts'
import { type ErrorReply, renderError } from '../errors.ts'
import type { RequestFields } from '../http/conditional.ts'
import { addVary, commonFields, type Fields, type HeaderRules, withSafety } from '../http/fields.ts'
import type { Preference } from '../http/negotiate.ts'
import { singleRange } from '../http/range.ts'
import { respond } from '../http/respond.ts'
import type { StandIn } from '../placeholder.ts'
import { readPrefer } from '../prefer.ts'
import type { ReadAccess } from '../read-access.ts'

export type ObjectsDeps = {
  planner: Planner
  access: ReadAccess
  cors: Cors
  deliver: Deliver
  cache: MemoryCache
  headerRules: HeaderRules
  compress: Compress
  debug: Debug
  preferenceOf(accept: string | undefined): Preference
  /** What distinguishes the cached variants of one target. */
  variantOf(fields: RequestFields): string
  /** Milliseconds that a client waits at most who would rather ask again. */
  maxWait: number
  /** Told of every refusal, with the error that caused it. */
  onError(error: unknown, reply: ErrorReply, facts: RefusalFacts): void
}

export type RefusalFacts = { target: string; requestId?: string; bucket?: string; plan?: string }

export type ReadRequest = {
  method: string
  /** Path and query as they came, undecoded. */
  target: string
  fields: RequestFields
  /** Aborted when the client leaves. */
  signal: AbortSignal
  /** By somebody with a key of the bucket. */
  signed: boolean
  /** For the log. */
  id?: string
  /** What an error looks like to who asks. Absent: as in mort, perhaps with a picture in place of what there is not. */
  render?(error: unknown): Response
  /** Told of every body that is in memory, right before it is handed over. */
  watch(body: Uint8Array): void
}

/** GET and HEAD of originals and derivatives: plan, deliver, respond. */
export function createObjectsRoute(deps: ObjectsDeps): (request: ReadRequest) => Promise<Response> {
  return async request => {
    const { target, fields } = request
    let resolution: Resolution | undefined
    try {
      const { formats } = deps.preferenceOf(fields.accept as string | undefined)
      resolution = deps.planner.plan({ target, accepts: formats })
      const isPublic = deps.access.isPublic(resolution)
      if (!isPublic && !request.signed) throw new MortiseError('forbidden', 'the bucket is private')
      const delivery = await deliver(deps, resolution, request)
      if ('location' in delivery) return redirect(deps, delivery, resolution, request)
      if ('retryAfter' in delivery) return accept(deps, delivery, resolution, request)
      if ('standIn' in delivery) return refuse(deps, delivery.error, request, resolution, delivery.standIn)
      const { entity, cacheKey } = await deps.compress(delivery, request)
      // What is remembered is given out to anybody who asks for that target, and to all in one way.
      if (cacheKey && isPublic && !request.signed && !deps.cors.isOwn(bucketOf(resolution))) {
        deps.cache.remember(target, deps.variantOf(fields), cacheKey)
      }
      const debug = deps.debug.asked(fields)
      if (isPublic && !debug) return await respond(entity, request)
      // Whatever the rules say to caches, they are not to give it out to somebody else.
      const closed: Fields = isPublic ? {} : { 'cache-control': 'private, no-cache' }
      const more = debug ? { ...closed, ...deps.debug.describe(resolution) } : closed
      return await respond({ ...entity, fields: { ...entity.fields, ...more } }, request)
    } catch (error) {
      // Nobody reads the answer to a client who left; it is only counted.
      const gone = request.signal.aborted && new MortiseError('cancelled', 'the client left', { cause: error })
      return refuse(deps, gone || error, request, resolution)
    }
  }
}

function deliver(
  { deliver: to, debug, maxWait }: ObjectsDeps,
  resolution: Resolution,
  { method, fields, signal }: ReadRequest,
): Promise<Delivery | Redirection | Replacement | Accepted> {
  switch (resolution.kind) {
    case 'buckets':
      throw new MortiseError('forbidden', 'the list of buckets is for signed requests')
    case 'bucket':
      throw new MortiseError('unsupported', 'a listing is asked for by a path alone')
    case 'object': {
      const range =
        method === 'GET' && fields['if-range'] === undefined ? singleRange(String(fields.range ?? '')) : null
      return to.object(resolution, { head: method === 'HEAD', range, signal })
    }
    case 'derivative':
      return to.derivative(resolution, {
        explain: debug.asked(fields),
        cdnLoop: fields['cdn-loop'],
        respondAsync: readPrefer(fields.prefer, maxWait),
        signal,
      })
  }
}

/** Errors found before anything was planned go out bare, as in mort; later ones with the fields of a response. */
function refuse(
  deps: ObjectsDeps,
  error: unknown,
  { method, target, fields, id, watch, render }: ReadRequest,
  resolution?: Resolution,
  standIn?: StandIn,
) {
  const debug = deps.debug.asked(fields)
  const reply = renderError(error, { debug })
  const planned = resolution?.kind === 'object' || resolution?.kind === 'derivative'
  deps.onError(error, reply, {
    target,
    ...(id === undefined ? {} : { requestId: id }),
    ...(planned ? { bucket: resolution.bucket } : {}),
    ...(resolution?.kind === 'derivative' ? { plan: resolution.plan.id } : {}),
  })
  if (render) return render(error)
  const headers: Fields = planned ? { ...commonFields } : {}
  if (planned) deps.headerRules(resolution.bucket, reply.status, headers)
  if (debug) Object.assign(headers, deps.debug.describe(resolution))
  if (!standIn) return errorResponse(reply, headers, method)
  const { bytes, contentType, transformed } = standIn
  if (transformed) headers['x-mort-cache'] = 'hit'
  if (resolution?.kind === 'derivative' && resolution.negotiated) addVary(headers, 'Accept')
  watch(bytes)
  return errorResponse(
    { ...reply, body: bytes, contentType },
    withSafety({ ...headers, 'content-type': contentType }),
    method,
  )
}

/** The storage gives it out itself. The URL ends, so nobody may keep it, whatever the rules say. */
function redirect(
  deps: ObjectsDeps,
  { location }: Redirection,
  resolution: Resolution,
  { fields }: ReadRequest,
): Response {
  const headers: Fields = { ...commonFields }
  if (resolution.kind === 'object') deps.headerRules(resolution.bucket, 307, headers)
  if (deps.debug.asked(fields)) Object.assign(headers, deps.debug.describe(resolution))
  const ours = { location, 'cache-control': 'no-store', 'content-length': '0' }
  return new Response(null, { status: 307, headers: { ...headers, ...ours } })
}

/** It is being made, and will be at the same URL (RFC 7240, section 4.1). */
function accept(
  deps: ObjectsDeps,
  { retryAfter }: Accepted,
  resolution: Resolution,
  { method, target, fields }: ReadRequest,
): Response {
  const headers: Fields = { ...commonFields }
  if (resolution.kind === 'derivative') deps.headerRules(resolution.bucket, 202, headers)
  if (deps.debug.asked(fields)) Object.assign(headers, deps.debug.describe(resolution))
  const body = JSON.stringify({ status: 'accepted' })
  Object.assign(headers, {
    // No host, for the first segment names a bucket.
    location: target,
    'preference-applied': 'respond-async',
    'cache-control': 'no-store',
    'content-type': 'application/json',
    'content-length': String(body.length),
    'retry-after': String(retryAfter),
  })
  return new Response(method === 'HEAD' ? null : body, { status: 202, headers })
}

export function errorResponse(
  { status, body, contentType, retryAfter, fields: ours }: Omit<ErrorReply, 'body'> & { body: string | Uint8Array },
  fields: Fields,
  method: string,
): Response {
  const headers: Fields = {
    ...fields,
    ...ours,
    'content-type': contentType,
    'content-length': String(Buffer.byteLength(body)),
    'x-content-type-options': 'nosniff',
  }
  if (retryAfter !== null) headers['retry-after'] = String(retryAfter)
  return new Response(method === 'HEAD' ? null : (body as string | Uint8Array<ArrayBuffer>), { status, headers })
}

function bucketOf(resolution: Resolution): string {
  return resolution.kind === 'buckets' ? '' : resolution.bucket
}
