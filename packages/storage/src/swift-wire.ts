import { MortiseError } from '@mortise/errors'
import { Agent, type Dispatcher } from 'undici'
import { unlessAborted } from './abort.ts'
import { asError } from './body.ts'
import { drop } from './http-wire.ts'
import { createRenewable } from './renewable.ts'
import { passingStatus, retry } from './retry.ts'
import { createSwiftLogin, type SwiftLogin, type SwiftToken } from './swift-login.ts'

export type SwiftRequest = {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  /** Below the account, escaped: `/container/object`, or empty. */
  path: string
  headers?: Record<string, string>
  body?: () => AsyncIterable<Uint8Array>
  /** Whether a failed try may be made again. Absent: yes. */
  repeatable?: boolean
  signal: AbortSignal
}

export type SwiftAnswer = Dispatcher.ResponseData

export type SwiftWireOptions = SwiftLogin & { maxSockets: number; timeoutMs: number }

/**
 * Requests with a token on a bounded set of connections. `send` resolves when an answer has begun, whatever its status
 * except those that may pass: these, and network errors, are tried again and end as `storage_unavailable`. A token that
 * is not accepted any more is renewed, once for all who have it.
 */
export function createSwiftWire(options: SwiftWireOptions) {
  const { maxSockets, timeoutMs } = options
  const agent = new Agent({
    connections: maxSockets,
    allowH2: false,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })
  const logIn = createSwiftLogin(options, agent, timeoutMs)
  const tokens = createRenewable('oracle', logIn)

  async function once({ method, path, headers, body, signal }: SwiftRequest, account: SwiftToken) {
    const waiting = new AbortController()
    // From the first byte of a body on it is the other side that is waited for, on which the agent has an eye.
    const timer = setTimeout(() => waiting.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    let broken: unknown
    async function* bytes() {
      clearTimeout(timer)
      try {
        yield* body!()
      } catch (error) {
        broken = error
        throw error
      }
    }
    const either = AbortSignal.any([signal, waiting.signal])
    try {
      const asking = agent.request({
        origin: account.origin,
        path: account.path + path,
        method,
        headers: { ...headers, 'x-auth-token': account.token, 'accept-encoding': 'identity' },
        body: body ? (bytes() as never) : null,
        signal: either,
      })
      // The library looks at the signal of a request only when it has a connection for it, and then ends it.
      return await unlessAborted(either, asking)
    } catch (error) {
      signal.throwIfAborted()
      if (broken instanceof MortiseError) throw broken
      throw unavailable({ method, path }, asError(error).message, error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** `null`: the token has gone bad. */
  async function judged(request: SwiftRequest): Promise<SwiftAnswer | null> {
    const account = await tokens.get(request.signal)
    const answer = await once(request, account)
    if (answer.statusCode === 401) {
      tokens.drop(account)
      await drop(answer, request.signal)
      return null
    }
    account.provedAt = performance.now()
    if (!passingStatus.has(answer.statusCode) && answer.statusCode !== 507) return answer
    await drop(answer, request.signal)
    throw unavailable(request, `the server answered ${answer.statusCode}`)
  }

  async function send(request: SwiftRequest): Promise<SwiftAnswer> {
    const { repeatable = true, signal } = request
    if (!repeatable) await proveToken(request)
    let refused = 0
    const accepted = async () => {
      for (; refused < maxRefusals; refused += 1) {
        const answer = await judged(request)
        if (answer) return answer
        if (!repeatable) break
      }
      refused = maxRefusals
      throw unavailable(request, 'the token was not accepted')
    }
    const mayPass = (error: unknown) =>
      repeatable && refused < maxRefusals && error instanceof MortiseError && error.code === 'storage_unavailable'
    return retry(accepted, { mayPass, timeoutMs, signal })
  }

  /** A body that cannot be sent twice must not be lost to a token that has run out. */
  async function proveToken({ path, signal }: SwiftRequest): Promise<void> {
    const { provedAt } = await tokens.get(signal)
    if (performance.now() - provedAt < provedMs) return
    await drop(await send({ method: 'HEAD', path, signal }), signal)
  }

  return {
    send,
    async close(): Promise<void> {
      const closed = tokens.close()
      await agent.destroy()
      await closed
    },
  }
}

export function unavailable({ method, path }: Pick<SwiftRequest, 'method' | 'path'>, why: string, cause?: unknown) {
  return new MortiseError('storage_unavailable', `oracle ${method} ${path}: ${why}`, { cause })
}

/** The error for an answer that is a refusal, which is read away. */
export async function refusal(request: SwiftRequest, answer: SwiftAnswer): Promise<MortiseError> {
  await drop(answer, request.signal)
  const why = `the server answered ${answer.statusCode}`
  const code = codes[answer.statusCode]
  if (!code) return unavailable(request, why)
  return new MortiseError(code, `oracle ${request.method} ${request.path}: ${why}`)
}

/** 412 is the answer to names that cannot be. */
const codes: Record<number, 'invalid_request' | 'too_large'> = {
  400: 'invalid_request',
  412: 'invalid_request',
  413: 'too_large',
  422: 'invalid_request',
}

/** Tokens of one request that are not accepted. */
const maxRefusals = 2

const provedMs = 30_000
