import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { HttpBindings } from '@hono/node-server'
import { type ErrorCode, MortiseError } from '@mortise/errors'
import { parseAddress, parseTarget } from '@mortise/plan'
import { type Context, Hono } from 'hono'
import type { Cloudinary } from './cloudinary/cloudinary.ts'
import { renderError } from './errors.ts'
import type { Events } from './events/events.ts'
import { requestIdOf } from './request-id.ts'
import { createObjectsRoute, errorResponse, type ObjectsDeps } from './routes/objects.ts'
import type { S3 } from './s3/s3.ts'
import type { Unsent } from './unsent.ts'

export type AppDeps = ObjectsDeps & {
  events: Events
  s3: S3
  cloudinary: Cloudinary
  unsent: Unsent
  /** Characters of a request target. */
  maxTargetLength: number
}

type Env = { Bindings: HttpBindings }

/** The public application. Everything is a path below `/<bucket>`, but for what is ours below `/-/`; the methods decide. */
export function createApp(deps: AppDeps): Hono<Env> {
  const app = new Hono<Env>()
  const objects = createObjectsRoute(deps)

  app.options('*', c => {
    const asked = { origin: c.req.header('origin'), headers: c.req.header('access-control-request-headers') }
    return new Response(null, { status: 204, headers: deps.cors.preflight(bucketOf(targetOf(c)), asked) })
  })
  app.all('*', async c => {
    const target = targetOf(c)
    if (target.length > deps.maxTargetLength)
      throw new MortiseError('invalid_request', 'the request target is too long')
    return answer(c, target)
  })
  app.onError((error, c) => {
    const debug = deps.debug.asked(fieldsOf(c))
    const reply = renderError(error, { debug })
    const { id } = ofResponse(c)
    deps.onError(error, reply, { target: targetOf(c), ...(id === undefined ? {} : { requestId: id }) })
    return errorResponse(reply, debug ? deps.debug.describe(undefined) : {}, c.req.raw.method)
  })
  return app

  async function answer(c: Context<Env>, target: string): Promise<Response> {
    const { method } = c.req
    const fields = fieldsOf(c)
    const { id, watch } = ofResponse(c)
    const { incoming } = c.env ?? {}
    const outgoing = c.env?.outgoing as ServerResponse | undefined
    const taken = { method, target, headers: fields }
    const api = [deps.events, deps.cloudinary, deps.s3].find(({ takes }) => takes(taken))
    if (api) {
      // Not the platform's request: to look at its signal is to begin to read its body.
      const signal = outgoing ? untilClosed(outgoing) : c.req.raw.signal
      const body = () => {
        if (incoming?.headers.expect !== undefined) outgoing?.writeContinue()
        return incoming ?? Readable.from([])
      }
      const request = { method, target, headers: fields, body, signal, requestId: id ?? '', watch }
      const answered = await api.answer(request)
      if (answered) return shared(answered, api === deps.s3)
    }
    const { signal } = c.req.raw
    const signed = api !== undefined
    const render = (error: unknown) => deps.s3.render(error, { method, target, requestId: id ?? '' })
    const asked = { method, target, fields, signal, signed, watch, ...(id === undefined ? {} : { id }) }
    const response = await objects(signed ? { ...asked, render } : asked)
    const code = signed ? refusals[response.status] : undefined
    if (signed && id !== undefined) response.headers.set('x-amz-request-id', id)
    return shared(code ? render(new MortiseError(code, 'the derivative')) : response, false)

    /** With what a page of another origin may do with it. Objects have mort's word on that already. */
    function shared(response: Response, byApi: boolean): Response {
      const bucket = bucketOf(target)
      if (byApi || deps.cors.isOwn(bucket)) deps.cors.apply(bucket, c.req.header('origin'), response.headers)
      return response
    }
  }

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

/** What is found out about a derivative when it is about to be sent. */
const refusals: Record<number, ErrorCode> = { 412: 'precondition_failed', 416: 'range_not_satisfiable' }

function fieldsOf(c: Context<Env>) {
  return c.env?.incoming?.headers ?? c.req.header()
}

/** As the path names it, whether there is one or not. */
function bucketOf(target: string): string {
  try {
    return parseAddress(parseTarget(target).path).bucket
  } catch {
    return ''
  }
}

/** Aborted when the connection closes before the answer is out. */
function untilClosed(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) controller.abort(new MortiseError('cancelled', 'the client left'))
  })
  return controller.signal
}
