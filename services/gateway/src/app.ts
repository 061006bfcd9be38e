import type { HttpBindings } from '@hono/node-server'
import type { BucketConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { parseAddress, parseTarget } from '@mortise/plan'
import { type Context, Hono } from 'hono'
import { renderError } from './errors.ts'
import { commonFields } from './http/fields.ts'
import { createObjectsRoute, errorResponse, type ObjectsDeps } from './routes/objects.ts'

export type AppDeps = ObjectsDeps & {
  buckets: Record<string, BucketConfig>
  /** Characters of a request target. */
  maxTargetLength: number
}

type Env = { Bindings: HttpBindings }

/** The public application. Everything is a path below `/<bucket>`; the methods decide. */
export function createApp(deps: AppDeps): Hono<Env> {
  const app = new Hono<Env>()
  const objects = createObjectsRoute(deps)

  app.options('*', () => new Response(null, { status: 204, headers: { ...commonFields } }))
  app.all('*', async c => {
    const { method, signal } = c.req.raw
    const target = targetOf(c)
    if (target.length > deps.maxTargetLength)
      throw new MortiseError('invalid_request', 'the request target is too long')
    if (method !== 'GET' && method !== 'HEAD') throw refuseWrite(deps, target, c.req.header('authorization'))
    return objects({ method, target, fields: fieldsOf(c), signal })
  })
  app.onError((error, c) => {
    const reply = renderError(error, { debug: Boolean(c.req.header('x-mort-debug')) })
    deps.onError(error, reply, { target: targetOf(c) })
    return errorResponse(reply, {}, c.req.raw.method)
  })
  return app
}

/** As it stood in the request line; without a server (in tests) from the URL. */
function targetOf(c: Context<Env>): string {
  const incoming = c.env?.incoming?.url
  if (incoming !== undefined) return incoming
  const { pathname, search } = new URL(c.req.url)
  return pathname + search
}

function fieldsOf(c: Context<Env>) {
  return c.env?.incoming?.headers ?? c.req.header()
}

/** Whatever is no read needs a signature, as in mort: nobody's bucket is 403, a bucket without the key 401. */
function refuseWrite({ buckets }: AppDeps, target: string, authorization: string | undefined): MortiseError {
  const { bucket } = parseAddress(parseTarget(target).path)
  if (!Object.hasOwn(buckets, bucket)) return new MortiseError('forbidden', 'no such bucket')
  if (!authorization) return new MortiseError('unauthenticated', 'writing needs a signature')
  return new MortiseError('unsupported', 'this version does not write')
}
