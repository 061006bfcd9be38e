import { RequestError } from '@hono/node-server'
import { MortiseError } from '@mortise/errors'
import type { Log, Metrics } from '@mortise/telemetry'
import { type ErrorReply, renderError } from './errors.ts'
import { createOutageLog } from './outages.ts'
import { errorResponse, type RefusalFacts } from './routes/objects.ts'

export type Reports = {
  /** Counts and logs a refusal: a bug at once and whole, an outage now and then, the rest for debugging. */
  refused(error: unknown, reply: ErrorReply, facts: RefusalFacts): void
  /** What fails outside the application: a request that is none, or a bug. Nothing of it leaves. */
  failed(error: unknown): Response
}

export function createReports({ log, metrics, now }: { log: Log; metrics: Metrics; now(): number }): Reports {
  const outage = createOutageLog(log, now)
  return {
    refused(error, { status, code }, facts) {
      metrics.errors.inc({ status, code })
      if (code === 'overloaded') metrics.throttled.inc()
      if (code === 'internal') return log.error({ ...facts, code, err: error }, 'request failed')
      const reason = error instanceof Error ? error.message : undefined
      // A query may name what is nobody's business; which one does not matter for an outage.
      outage(code, { ...facts, target: facts.target.split('?', 1)[0], reason })
      log.debug({ ...facts, code, reason }, 'request refused')
    },
    failed(err) {
      const malformed = err instanceof RequestError
      if (!malformed) log.error({ err }, 'response failed')
      const error = malformed ? new MortiseError('invalid_request', err.message) : err
      return errorResponse(renderError(error, { debug: false }), {}, 'GET')
    },
  }
}
