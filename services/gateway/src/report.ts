import { RequestError } from '@hono/node-server'
import { type ErrorCode, MortiseError } from '@mortise/errors'
import type { Log, Metrics } from '@mortise/telemetry'
import { LRUCache } from 'lru-cache'
import { type ErrorReply, publicText, renderError } from './errors.ts'
import { createOutageLog } from './outages.ts'
import { errorResponse, type RefusalFacts } from './routes/objects.ts'

export type Reports = {
  /** Counts and logs a refusal: a bug at once and whole, an outage now and then, the rest for debugging. */
  refused(error: unknown, reply: Pick<ErrorReply, 'status' | 'code'>, facts: RefusalFacts): void
  /** Of a refused request, once, for the line about it. */
  reasonOf(requestId: string | undefined): Reason | undefined
  /** What fails outside the application: a request that is none, or a bug. Nothing of it leaves. */
  failed(error: unknown): Response
}

/** As far as it may be told: without paths, addresses and URLs. */
export type Reason = { code: ErrorCode; reason?: string }

/** Of refusals whose line has not been written: no more requests than this are in hand. */
const maxReasons = 10_000

export function createReports({ log, metrics, now }: { log: Log; metrics: Metrics; now(): number }): Reports {
  const outage = createOutageLog(log, now)
  const reasons = new LRUCache<string, Reason>({ max: maxReasons })
  return {
    refused(error, { status, code }, facts) {
      metrics.errors.inc({ status, code })
      if (code === 'overloaded') metrics.throttled.inc()
      const reason = error instanceof Error ? error.message : undefined
      if (facts.requestId !== undefined)
        reasons.set(facts.requestId, reason === undefined ? { code } : { code, reason: publicText(reason) })
      if (code === 'internal') return log.error({ ...facts, code, err: error }, 'request failed')
      // A query may name what is nobody's business; which one does not matter for an outage.
      const operators = error instanceof MortiseError && error.operators
      const [target = ''] = facts.target.split('?', 1)
      // A script fails before there is a plan that knows the bucket.
      const bucket = facts.bucket ?? target.split('/', 2)[1]
      outage(code, { ...facts, ...(bucket === undefined ? {} : { bucket }), target, reason }, operators)
      log.debug({ ...facts, code, reason }, 'request refused')
    },
    reasonOf(requestId = '') {
      const reason = reasons.get(requestId)
      reasons.delete(requestId)
      return reason
    },
    failed(err) {
      const malformed = err instanceof RequestError
      if (!malformed) log.error({ err }, 'response failed')
      const error = malformed ? new MortiseError('invalid_request', err.message) : err
      return errorResponse(renderError(error, { debug: false }), {}, 'GET')
    },
  }
}
