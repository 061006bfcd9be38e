import { MortiseError } from '@mortise/errors'
import type { Planner, Resolution } from '@mortise/plan'
import type { ResponseCache } from '../cache.ts'
import type { Compress } from '../compress.ts'
import type { Debug } from '../debug.ts'
import type { Deliver, Redirection, Replacement } from '../deliver.ts'
import { type ErrorReply, renderError } from '../errors.ts'
import type { RequestFields } from '../http/conditional.ts'
import { addVary, commonFields, type Fields, type HeaderRules, withSafety } from '../http/fields.ts'
import type { Preference } from '../http/negotiate.ts'
import { singleRange } from '../http/range.ts'
import { respond } from '../http/respond.ts'
import type { StandIn } from '../placeholder.ts'
import type { Delivery } from '../responses.ts'

export type ObjectsDeps = {
  planner: Planner
  deliver: Deliver
  cache: ResponseCache
  headerRules: HeaderRules
  compress: Compress
  debug: Debug
  preferenceOf(accept: string | undefined): Preference
  /** What distinguishes the cached variants of one target. */
  variantOf(fields: RequestFields): string
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
  /** For the log. */
  id?: string
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
      const delivery = await deliver(deps, resolution, request)
      if ('location' in delivery) return redirect(deps, delivery, resolution, request)
      if ('standIn' in delivery) return refuse(deps, delivery.error, request, resolution, delivery.standIn)
      const { entity, cacheKey } = await deps.compress(delivery, request)
      if (cacheKey) deps.cache.remember(target, deps.variantOf(fields), cacheKey)
      if (!deps.debug.asked(fields)) return await respond(entity, request)
      return await respond({ ...entity, fields: { ...entity.fields, ...deps.debug.describe(resolution) } }, request)
    } catch (error) {
      // Nobody reads the answer to a client who left; it is only counted.
      const gone = request.signal.aborted && new MortiseError('cancelled', 'the client left', { cause: error })
      return refuse(deps, gone || error, request, resolution)
    }
  }
}

function deliver(
  { deliver: to, debug }: ObjectsDeps,
  resolution: Resolution,
  { method, fields, signal }: ReadRequest,
): Promise<Delivery | Redirection | Replacement> {
  switch (resolution.kind) {
    case 'buckets':
      throw new MortiseError('forbidden', 'the list of buckets is for signed requests')
    case 'bucket':
      throw new MortiseError('unsupported', 'this version does not list buckets')
    case 'object': {
      const range =
        method === 'GET' && fields['if-range'] === undefined ? singleRange(String(fields.range ?? '')) : null
      return to.object(resolution, { head: method === 'HEAD', range, signal })
    }
    case 'derivative':
      return to.derivative(resolution, { explain: debug.asked(fields), signal })
  }
}

/** Errors found before anything was planned go out bare, as in mort; later ones with the fields of a response. */
function refuse(
  deps: ObjectsDeps,
  error: unknown,
  { method, target, fields, id, watch }: ReadRequest,
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

export function errorResponse(
  { status, body, contentType, retryAfter }: Omit<ErrorReply, 'body'> & { body: string | Uint8Array },
  fields: Fields,
  method: string,
): Response {
  const headers: Fields = {
    ...fields,
    'content-type': contentType,
    'content-length': String(Buffer.byteLength(body)),
    'x-content-type-options': 'nosniff',
  }
  if (retryAfter !== null) headers['retry-after'] = String(retryAfter)
  return new Response(method === 'HEAD' ? null : (body as string | Uint8Array<ArrayBuffer>), { status, headers })
}
