import type { ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import type { BucketConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { parseAddress, parseTarget } from '@mortise/plan'
import { type Context, Hono } from 'hono'
import { renderError } from './errors.ts'
import { commonFields } from './http/fields.ts'
import { requestIdOf } from './request-id.ts'
import { createObjectsRoute, errorResponse, type ObjectsDeps } from './routes/objects.ts'
import type { Unsent } from './unsent.ts'

export type AppDeps = ObjectsDeps & {
  buckets: Record<string, BucketConfig>
  unsent: Unsent
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
    return objects({ method, target, fields: fieldsOf(c), signal, ...ofResponse(c) })
  })
  app.onError((error, c) => {
    const debug = deps.debug.asked(fieldsOf(c))
    const reply = renderError(error, { debug })
    const { id } = ofResponse(c)
    deps.onError(error, reply, { target: targetOf(c), ...(id === undefined ? {} : { requestId: id }) })
    return errorResponse(reply, debug ? deps.debug.describe(undefined) : {}, c.req.raw.method)
  })
  return app

  /** Without a server (in tests) there is nothing to watch. */
  function ofResponse({ env }: Context<Env>): { id?: string; watch(body: Uint8Array): void } {
    const outgoing = env?.outgoing as ServerResponse | undefined
    if (!outgoing) return { watch() {} }
    const id = requestIdOf(outgoing)
    return { ...(id === undefined ? {} : { id }), watch: body => deps.unsent.watch(outgoing, body) }
  }
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
