import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { Agent, type Dispatcher } from 'undici'
import { asError } from './body.ts'
import { createClock } from './clock.ts'
import type { StoredHeaders } from './headers.ts'
import { drop } from './http-wire.ts'
import { passingStatus, retry } from './retry.ts'

export type GoogleRequest = {
  method: 'GET' | 'POST' | 'DELETE'
  /** With the query. */
  path: string
  headers?: StoredHeaders
  body?: () => AsyncIterable<Uint8Array>
  /** Whether a failed try may be made again. Absent: yes. */
  repeatable?: boolean
  signal: AbortSignal
}

export type GoogleAnswer = Dispatcher.ResponseData

export type GoogleWireOptions = {
  endpoint: string
  /** What proves to Google who asks; asked before every request. */
  authorize(signal: AbortSignal): Promise<StoredHeaders>
  maxSockets: number
  timeoutMs: number
}

/**
 * Requests of Google's JSON interface on a bounded set of connections. `send` resolves when an answer has begun, whatever
 * its status except those that may pass: these, and network errors, are tried again and end as `storage_unavailable`.
 */
export function createGoogleWire({ endpoint, authorize, maxSockets, timeoutMs }: GoogleWireOptions) {
  const agent = new Agent({
    connections: maxSockets,
    allowH2: false,
    connect: { timeout: timeoutMs },
    // The clock of each try takes care of the time until an answer begins.
    headersTimeout: 0,
    bodyTimeout: timeoutMs,
  })

  async function once({ method, path, headers, body, signal }: GoogleRequest): Promise<GoogleAnswer> {
    const clock = createClock(timeoutMs, signal)
    clock.start()
    try {
      const answer = await agent.request({
        origin: endpoint,
        path,
        method,
        // What was stored compressed is to come as it was stored.
        headers: { 'accept-encoding': 'gzip', ...headers, ...(await authorize(clock.signal)) },
        body: body ? Readable.from(clock.timed(body()), { objectMode: false }) : null,
        signal: clock.signal,
      })
      if (!passingStatus.has(answer.statusCode)) return answer
      answer.body.on('error', () => {}).destroy()
      throw new Passing(`Google answered ${answer.statusCode}`)
    } catch (error) {
      throw clock.sourceError ?? (clock.signal.aborted ? clock.signal.reason : error)
    } finally {
      clock.stop()
    }
  }

  return {
    async send(request: GoogleRequest): Promise<GoogleAnswer> {
      const { signal, repeatable = true } = request
      const mayPass = (error: unknown) => repeatable && !(error instanceof MortiseError)
      try {
        return await retry(() => once(request), { mayPass, timeoutMs, signal })
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof MortiseError) throw error
        throw new MortiseError('storage_unavailable', `${nameOf(request)}: ${asError(error).message}`, { cause: error })
      }
    },
    close: () => agent.destroy(),
  }
}

/** Reads a short answer. */
export async function readText({ body }: GoogleAnswer, maxBytes = maxTextBytes): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxBytes) break
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Leaves an answer that nobody reads, with its connection free for the next request when it is only a refusal. */
export async function leave(answer: GoogleAnswer, signal: AbortSignal): Promise<void> {
  if (answer.statusCode >= 400) return drop(answer, signal)
  answer.body.on('error', () => {}).destroy()
}

/** The error for an answer that is a refusal, with what Google says about it. */
export async function refusal(request: GoogleRequest, answer: GoogleAnswer): Promise<MortiseError> {
  const text = await readText(answer).catch(() => '')
  const said = /"message":\s*"([^"]{1,300})"/.exec(text)?.[1] ?? ''
  const facts = `${nameOf(request)}: Google answered ${answer.statusCode} ${said}`.trim()
  return new MortiseError(codes[answer.statusCode] ?? 'storage_unavailable', facts)
}

const codes: Record<number, 'invalid_request' | 'too_large'> = { 400: 'invalid_request', 413: 'too_large' }

const maxTextBytes = 64 * 1024

class Passing extends Error {}

const nameOf = ({ method, path }: GoogleRequest) => `${method} ${path.split('?')[0]}`
