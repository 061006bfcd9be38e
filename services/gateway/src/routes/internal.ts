import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { MortiseError } from '@mortise/errors'
import type { Metrics } from '@mortise/telemetry'
import { Hono } from 'hono'
import type { Explain } from '../explain.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { createJobsRoute } from './jobs.ts'

export type Check = {
  /** As it is shown: `queue`, `storage photos/basic`. */
  name: string
  /** Without it this process cannot do its work. The others are shown, but do not make it unready. */
  required: boolean
  /** Throws when the dependency is missing. */
  run(signal: AbortSignal): Promise<void>
}

export type InternalDeps = {
  metrics: Metrics
  checks: Check[]
  draining(): boolean
  /** `null` where no URLs are read: in a worker. */
  explain: Explain | null
  /** `null` as well. */
  jobs: Jobs | null
  /** Pages below `/dashboard`; `null`: there are none. */
  dashboard: Hono | null
}

const checkTimeout = 2000

/** What operators and their tools ask; never on a public listener. */
export function createInternal(deps: InternalDeps): RequestListener {
  const { metrics, checks, draining, explain, jobs, dashboard } = deps
  const app = new Hono()
  app.get('/healthz', c => c.json({ status: 'ok' }))
  app.get('/readyz', async c => {
    const results = await Promise.all(checks.map(async check => [check, await runCheck(check)] as const))
    const missing = results.some(([{ required }, result]) => required && result !== 'ok')
    const status = draining() ? 'draining' : missing ? 'unready' : 'ready'
    const body = { status, checks: Object.fromEntries(results.map(([{ name }, result]) => [name, result])) }
    return c.json(body, status === 'ready' ? 200 : 503)
  })
  app.get('/metrics', async c =>
    c.text(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType }),
  )
  if (explain) {
    app.get('/explain', c => {
      const url = c.req.query('url')
      if (url === undefined)
        return c.json({ message: 'expected ?url=, a path with its query, and perhaps &accept=' }, 400)
      return c.json(explain(url, c.req.query('accept')))
    })
  }
  if (jobs) app.route('/jobs', createJobsRoute(jobs))
  if (dashboard) {
    app.get('/dashboard/', c => c.redirect('/dashboard'))
    app.route('/dashboard', dashboard)
  }
  return getRequestListener(app.fetch)
}

async function runCheck({ run }: Check): Promise<string> {
  try {
    await run(AbortSignal.timeout(checkTimeout))
    return 'ok'
  } catch (error) {
    return error instanceof MortiseError ? error.code : 'missing'
  }
}
