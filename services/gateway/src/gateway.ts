import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Planner } from '@mortise/plan'
import type { JobQueue } from '@mortise/queue'
import type { Storage } from '@mortise/storage'
import { type Log, type Metrics, registerGauges } from '@mortise/telemetry'
import { createApp } from './app.ts'
import { createResponseCache } from './cache.ts'
import { createDeliver } from './deliver.ts'
import { type ErrorReply, renderError } from './errors.ts'
import { createHitLane } from './hit-lane.ts'
import { createHeaderRules } from './http/fields.ts'
import { createNegotiation } from './http/negotiate.ts'
import { errorResponse } from './routes/objects.ts'

export { type Check, createInternal } from './routes/internal.ts'
export { listen, type RunningServer } from './server.ts'

export type GatewayDeps = {
  config: Config
  planner: Planner
  queue: JobQueue
  /** By name as in a Plan. Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  log: Log
  metrics: Metrics
  /** Milliseconds since the epoch. */
  now(): number
}

/** The public request listener: the hit lane first, the application for everything else. */
export function createGateway(deps: GatewayDeps): RequestListener {
  const { config, planner, metrics, log } = deps
  const { server, limits, buckets } = config
  const cache = createResponseCache({ maxBytes: server.cache.bytes, maxItemBytes: server.cache.maxItemBytes })
  const headerRules = createHeaderRules(config.headers, buckets)
  const preferenceOf = createNegotiation(planner.negotiable)
  const deliver = createDeliver({
    ...deps,
    cache,
    headerRules,
    settings: {
      requestTimeout: server.requestTimeout * 1000,
      storageTimeout: server.worker.sourceTimeout * 1000,
      ttl: server.cache.ttl,
    },
  })
  const app = createApp({
    ...{ planner, deliver, cache, headerRules, preferenceOf, buckets },
    maxTargetLength: limits.urlLength,
    onError: (error, reply, facts) => reportError(log, metrics, error, reply, facts),
  })
  const hits = metrics.cache.labels('hit')
  const hitLane = createHitLane({ cache, preferenceOf, onHit: () => hits.inc() })
  const application = getRequestListener(app.fetch, { errorHandler: error => failed(log, error) })
  registerCacheGauges(metrics, cache)
  const handle: RequestListener = (request, response) => {
    try {
      if (!hitLane(request, response)) void application(request, response)
    } catch (error) {
      // No single response may end the process.
      void failed(log, error)
      response.destroy()
    }
  }
  return timed(metrics, server.accessLogs ? logged(log, handle) : handle)
}

/** What fails outside the application: a request that is none, or a bug. Nothing of it leaves. */
function failed(log: Log, err: unknown): Response {
  const malformed = err instanceof RequestError
  if (!malformed) log.error({ err }, 'response failed')
  const error = malformed ? new MortiseError('invalid_request', err.message) : err
  return errorResponse(renderError(error, { debug: false }), {}, 'GET')
}

/** Until the response is handed to the system; the speed of the client is not ours. */
function timed({ responseTime }: Metrics, handle: RequestListener): RequestListener {
  return (request, response) => {
    const started = performance.now()
    const method = request.method ?? 'GET'
    handle(request, response)
    if (response.writableEnded) responseTime.observe({ method }, performance.now() - started)
    else response.once('finish', () => responseTime.observe({ method }, performance.now() - started))
  }
}

/** One line for each request, when its response has been sent or cut. */
function logged(log: Log, handle: RequestListener): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    const started = performance.now()
    const { method, url } = request
    const requestId = request.headers['x-request-id'] ?? randomUUID()
    response.once('close', () => {
      const ms = Math.round(performance.now() - started)
      const aborted = !response.writableFinished
      log.info({ requestId, method, url: url?.split('?', 1)[0], status: response.statusCode, aborted, ms }, 'request')
    })
    handle(request, response)
  }
}

function reportError(log: Log, metrics: Metrics, error: unknown, { status, code }: ErrorReply, facts: object): void {
  metrics.errors.inc({ status, code })
  if (code === 'overloaded') metrics.throttled.inc()
  if (code === 'internal') log.error({ ...facts, code, err: error }, 'request failed')
  else log.debug({ ...facts, code, reason: error instanceof Error ? error.message : undefined }, 'request refused')
}

function registerCacheGauges(metrics: Metrics, cache: ReturnType<typeof createResponseCache>): void {
  registerGauges(metrics, [
    { name: 'mortise_cache_bytes', help: 'Bytes of cached responses', read: () => cache.stats().bytes },
    { name: 'mortise_cache_entries', help: 'Cached responses', read: () => cache.stats().entries },
    { name: 'mortise_cache_targets', help: 'Request targets known to the hit lane', read: () => cache.stats().targets },
  ])
}
