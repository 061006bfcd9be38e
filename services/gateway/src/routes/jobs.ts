import { MortiseError } from '@mortise/errors'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import { replies } from '../errors.ts'
import { streamProgress } from '../jobs/events.ts'
import type { Jobs } from '../jobs/jobs.ts'

/** Bytes of an order. */
const maxBody = 64 * 1024
/** Who follows jobs at one time. */
const maxStreams = 64

const orderSchema = z.strictObject({
  bucket: z.string().min(1).max(255),
  prefix: z.string().max(1024).default(''),
  presets: z.array(z.string().max(255)).max(64).nullable().default(null),
  dryRun: z.boolean().default(false),
})

/** `mortise warm` for programs, below `/jobs`. */
export function createJobsRoute(jobs: Jobs): Hono {
  const app = new Hono()
  let streams = 0

  app.use(async (c, next) => {
    // A page that somebody looks at can send requests to where only he gets; none of ours does.
    const reads = c.req.raw.method === 'GET' || c.req.raw.method === 'HEAD'
    if (!reads && c.req.header('origin') !== undefined)
      throw new MortiseError('forbidden', 'jobs are not for pages: the request has an Origin')
    await next()
  })
  app.post(
    '/',
    bodyLimit({
      maxSize: maxBody,
      onError() {
        throw new MortiseError('too_large', `an order has at most ${maxBody} bytes`)
      },
    }),
    async c => {
      const job = jobs.start(readOrder(c.req.header('content-type'), await c.req.text()))
      return c.json(job, 202, { location: `/jobs/${job.id}` })
    },
  )
  app.get('/', c => c.json({ jobs: jobs.list() }))
  app.get('/:id', c => {
    const { id } = c.req.param()
    const job = jobs.get(id)
    c.header('vary', 'Accept')
    c.header('cache-control', 'no-store')
    if (!job) throw unknown()
    if (!c.req.header('accept')?.includes('text/event-stream')) return c.json(job)
    // What a browser asks when it has been cut off: 204 tells it not to come back.
    if (job.state !== 'running' && c.req.header('last-event-id') !== undefined) return c.body(null, 204)
    if (c.req.raw.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' })
    if (streams >= maxStreams)
      throw new MortiseError('overloaded', `${streams} follow jobs already`, { retryAfter: 10 })
    streams++
    return streamProgress(c, jobs, id, () => streams--)
  })
  app.delete('/:id', async c => {
    const job = await jobs.cancel(c.req.param('id'))
    if (!job) throw unknown()
    return c.json(job)
  })
  app.onError(error => {
    const code = error instanceof MortiseError ? error.code : 'internal'
    // Who operates the service may know, but for what nobody foresaw.
    const message = error instanceof MortiseError ? error.message : 'error'
    const { retryAfter } = error as { retryAfter?: number }
    return Response.json(
      { message, code },
      { status: replies[code].status, headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) } },
    )
  })
  return app
}

/** Other types are those that a form of a page can send without being asked for leave. */
function readOrder(contentType: string | undefined, text: string) {
  if (!/^application\/json\s*(;|$)/i.test(contentType ?? ''))
    throw new MortiseError('invalid_request', 'expected a body of the type application/json')
  const { data, error } = orderSchema.safeParse(parseJson(text))
  if (!data) throw new MortiseError('invalid_request', `order: ${z.prettifyError(error)}`)
  return { ...data, prefix: data.prefix.replace(/^\//, '') }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new MortiseError('invalid_request', 'the body is no JSON')
  }
}

function unknown(): MortiseError {
  return new MortiseError('no_such_object', 'no such job in this process')
}
