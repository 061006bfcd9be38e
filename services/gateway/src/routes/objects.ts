import { MortiseError } from '@mortise/errors'
import type { Planner, Resolution } from '@mortise/plan'
import type { ResponseCache } from '../cache.ts'
import type { Deliver, Delivery } from '../deliver.ts'
import { type ErrorReply, renderError } from '../errors.ts'
import type { RequestFields } from '../http/conditional.ts'
import { commonFields, type Fields, type HeaderRules } from '../http/fields.ts'
import type { Preference } from '../http/negotiate.ts'
import { singleRange } from '../http/range.ts'
import { respond } from '../http/respond.ts'

export type ObjectsDeps = {
  planner: Planner
  deliver: Deliver
  cache: ResponseCache
  headerRules: HeaderRules
  preferenceOf(accept: string | undefined): Preference
  /** Told of every refusal, with the error that caused it. */
  onError(error: unknown, reply: ErrorReply, facts: { target: string; plan?: string }): void
}

export type ReadRequest = {
  method: string
  /** Path and query as they came, undecoded. */
  target: string
  fields: RequestFields
  /** Aborted when the client leaves. */
  signal: AbortSignal
}

/** GET and HEAD of originals and derivatives: plan, deliver, respond. */
export function createObjectsRoute(deps: ObjectsDeps): (request: ReadRequest) => Promise<Response> {
  return async request => {
    const { method, target, fields } = request
    let resolution: Resolution | undefined
    try {
      const { formats, variant } = deps.preferenceOf(fields.accept as string | undefined)
      resolution = deps.planner.plan({ target, accepts: formats })
      const { entity, cacheKey } = await deliver(deps.deliver, resolution, request)
      if (cacheKey) deps.cache.remember(target, variant, cacheKey)
      return await respond(entity, { method, fields })
    } catch (error) {
      // Nobody reads the answer to a client who left; it is only counted.
      const gone = request.signal.aborted && new MortiseError('cancelled', 'the client left', { cause: error })
      return refuse(deps, gone || error, request, resolution)
    }
  }
}

function deliver(to: Deliver, resolution: Resolution, { method, fields, signal }: ReadRequest): Promise<Delivery> {
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
      return to.derivative(resolution, { signal })
  }
}

/** Errors found before anything was planned go out bare, as in mort; later ones with the fields of a response. */
function refuse(deps: ObjectsDeps, error: unknown, { method, target, fields }: ReadRequest, resolution?: Resolution) {
  const reply = renderError(error, { debug: Boolean(fields['x-mort-debug']) })
  const planned = resolution?.kind === 'object' || resolution?.kind === 'derivative'
  deps.onError(error, reply, resolution?.kind === 'derivative' ? { target, plan: resolution.plan.id } : { target })
  const headers: Fields = planned ? { ...commonFields } : {}
  if (planned) deps.headerRules(resolution.bucket, reply.status, headers)
  return errorResponse(reply, headers, method)
}

export function errorResponse(
  { status, body, contentType, retryAfter }: ErrorReply,
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
  return new Response(method === 'HEAD' ? null : body, { status, headers })
}
