import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { MortiseError } from '@mortise/errors'
import type { Metrics } from '@mortise/telemetry'
import { Hono } from 'hono'

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
}

const checkTimeout = 2000

/** What operators and their tools ask; never on a public listener. */
export function createInternal({ metrics, checks, draining }: InternalDeps): RequestListener {
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
