import type { RequestListener } from 'node:http'
import type { ErrorCode } from '@mortise/errors'
import type { Log, Metrics } from '@mortise/telemetry'
import type { Reports } from './report.ts'
import { requestIdOf } from './request-id.ts'

/** Other methods are counted together: what a client may invent is no label. */
const methods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'DELETE'])

/** Of the refusals that are no errors: what a client knows of an object is compared with it at the very end. */
const codes: Record<number, { code: ErrorCode }> = {
  412: { code: 'precondition_failed' },
  416: { code: 'range_not_satisfiable' },
}

/** Counts every response by method and status, and times it until it is handed to the system: the client's speed is not ours. */
export function observed({ responseTime, responses }: Metrics, handle: RequestListener): RequestListener {
  // Looking a label up costs more than all else that is done for a hit here.
  const counters = new Map<string, { inc(): void }>()
  const count = (method: string, status: number) => {
    const label = `${method} ${status}`
    const counter = counters.get(label) ?? responses.labels(methods.has(method) ? method : 'other', String(status))
    counters.set(label, counter)
    counter.inc()
  }
  return (request, response) => {
    const started = performance.now()
    const method = request.method ?? 'GET'
    const over = () => {
      if (response.headersSent) count(method, response.statusCode)
    }
    handle(request, response)
    if (response.writableEnded) {
      responseTime.observe({ method }, performance.now() - started)
      over()
    } else {
      response.once('finish', () => responseTime.observe({ method }, performance.now() - started))
      response.once('close', over)
    }
  }
}

/** One line for each request, when its response has been sent or cut; with the reason if it was refused. */
export function logged(log: Log, reasonOf: Reports['reasonOf'], handle: RequestListener): RequestListener {
  return (request, response) => {
    const started = performance.now()
    const { method, url } = request
    response.once('close', () => {
      const ms = Math.round(performance.now() - started)
      const aborted = !response.writableFinished
      const requestId = requestIdOf(response)
      const { statusCode: status } = response
      const why = reasonOf(requestId) ?? (status >= 400 ? codes[status] : {})
      log.info({ requestId, method, url: url?.split('?', 1)[0], status, ...why, aborted, ms }, 'request')
    })
    handle(request, response)
  }
}
