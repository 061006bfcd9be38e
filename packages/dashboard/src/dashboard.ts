import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { HonoAdapter } from '@bull-board/hono'
import { serveStatic } from '@hono/node-server/serve-static'
import type { DashboardQueues } from '@mortise/queue/dashboard'
import { Hono } from 'hono'
import { withoutSecrets } from './without-secrets.ts'

/** Scripts and pictures are its own; its font is not fetched from elsewhere, and no other page shows it. */
const policy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'self'; frame-ancestors 'none'"

/** What BullMQ knows of the queues, as pages below `basePath`, where it is to be mounted. It changes nothing. */
export function createDashboard({ interactive, background }: DashboardQueues, basePath: string): Hono {
  const adapter = new HonoAdapter(serveStatic).setBasePath(basePath)
  const shown = { readOnlyMode: true }
  const queues = [
    // Both have one name, which is what the pages know them by.
    new BullMQAdapter(interactive, { ...shown, prefix: 'interactive-', displayName: 'interactive' }),
    new BullMQAdapter(background, { ...shown, prefix: 'background-', displayName: 'background' }),
  ]
  for (const queue of queues) queue.setFormatter('data', withoutSecrets)
  createBullBoard({ queues, serverAdapter: adapter, options: { uiConfig: { boardTitle: 'Mortise' } } })

  const app = new Hono()
  app.use(async (c, next) => {
    const { method } = c.req.raw
    if (method !== 'GET' && method !== 'HEAD')
      return c.json({ message: 'it only shows', code: 'method_not_allowed' }, 405)
    await next()
    c.res.headers.set('content-security-policy', policy)
    c.res.headers.set('cache-control', 'no-store')
  })
  app.route('/', adapter.registerPlugin())
  return app
}
