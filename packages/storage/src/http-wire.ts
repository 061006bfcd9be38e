import { validateHeaderName, validateHeaderValue } from 'node:http'
import { MortiseError } from '@mortise/errors'
import { Agent, type Dispatcher } from 'undici'
import { unlessAborted } from './abort.ts'
import { asError } from './body.ts'
import { configuredHeaders, type StoredHeaders } from './headers.ts'

export type HttpRequest = {
  method: 'GET' | 'HEAD'
  url: URL
  /** The value of a `Range` header. */
  range?: string
  signal: AbortSignal
}

export type HttpAnswer = Dispatcher.ResponseData

export type HttpWireOptions = { headers?: Record<string, string>; maxSockets: number; timeoutMs: number }

/**
 * Reads on a bounded set of connections. `send` resolves when an answer has begun, whatever its status; redirects are
 * followed. Throws `storage_unavailable` and `signal.reason`; creating it throws `invalid_config`.
 */
export function createHttpWire({ headers, maxSockets, timeoutMs }: HttpWireOptions) {
  const configured = sendable(headers)
  const agent = new Agent({
    connections: maxSockets,
    maxOrigins,
    allowH2: false,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })

  async function once({ method, url, range, signal }: HttpRequest, home: URL): Promise<HttpAnswer> {
    // What the configuration says may be a secret between Mortise and the host that it names.
    const own = url.origin === home.origin ? { ...credentials(home), ...configured } : {}
    const fields = { 'accept-encoding': 'identity', ...own, ...(range ? { range } : {}) }
    for (let tries = 1; ; tries += 1) {
      try {
        signal.throwIfAborted()
        const { origin, pathname, search } = url
        const asking = agent.request({ origin, path: pathname + search, method, headers: fields, signal })
        // The library looks at the signal of a request only when it has a connection for it, and then ends it.
        return await unlessAborted(signal, asking)
      } catch (error) {
        signal.throwIfAborted()
        // The server may have closed an idle connection in the moment in which it was taken.
        if (tries < maxTries && brokenOff.has((error as { code?: string }).code ?? '')) continue
        throw unavailable({ method, url }, asError(error).message, error)
      }
    }
  }

  async function send(request: HttpRequest): Promise<HttpAnswer> {
    let { url } = request
    for (let hops = 0; ; hops += 1) {
      const answer = await once({ ...request, url }, request.url)
      const { location } = answer.headers
      if (!redirects.has(answer.statusCode) || typeof location !== 'string') return answer
      await drop(answer, request.signal)
      if (hops === maxRedirects) throw unavailable(request, `more than ${maxRedirects} redirects`)
      url = next(request, url, location)
    }
  }

  return { send, close: () => agent.destroy() }
}

/** Leaves an answer, with its connection free for the next request when little of it is left. */
export async function drop({ body }: HttpAnswer, signal: AbortSignal): Promise<void> {
  body.on('error', () => {})
  await body.dump({ limit: 16 * 1024, signal }).catch(() => body.destroy())
}

export function unavailable({ method, url }: Pick<HttpRequest, 'method' | 'url'>, why: string, cause?: unknown) {
  return new MortiseError('storage_unavailable', `${method} ${url.origin}${url.pathname}: ${why}`, { cause })
}

const maxTries = 2

const brokenOff = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

const redirects = new Set([301, 302, 303, 307, 308])

const maxRedirects = 3

/** Hosts at one time; one each for the containers of a template that has them in its host, and where redirects lead. */
const maxOrigins = 256

/** These belong to the connection, or say how a body comes, and are no business of a configuration. */
const ofTheConnection = new Set([
  ...['connection', 'keep-alive', 'upgrade', 'expect', 'te'],
  ...['transfer-encoding', 'content-length', 'accept-encoding', 'range'],
])

function sendable(headers: Record<string, string> | undefined): StoredHeaders {
  const entries = Object.entries(configuredHeaders(headers)).filter(([name]) => !ofTheConnection.has(name))
  try {
    for (const [name, value] of entries) {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    }
  } catch (error) {
    throw new MortiseError('invalid_config', `http: ${asError(error).message}`, { cause: error })
  }
  return Object.fromEntries(entries)
}

function credentials({ username, password }: URL): StoredHeaders {
  if (!username && !password) return {}
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
}

/** The operator trusts the host that he names, and so where it leads; not into plain text, though. */
function next(request: HttpRequest, from: URL, location: string): URL {
  const to = URL.parse(location, from.href)
  const allowed = to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')
  if (!to || !allowed) throw unavailable(request, 'a redirect that is not followed')
  return to
}
