import { MortiseError } from '@mortise/errors'
import type { Dispatcher } from 'undici'
import { createAddressFilter } from './addresses.ts'
import type { Lookup, MakeClient } from './client.ts'
import { refusal } from './refusal.ts'
import { readTarget, redirectTarget } from './target.ts'

export { createAddressFilter } from './addresses.ts'

export type GuardedFetchOptions = {
  /** Addresses and networks (CIDR) that may be fetched from although they are not public. */
  networks: readonly string[]
  /** Bytes of the answer. */
  maxBytes: number
  /** Milliseconds for all of it, redirects included. */
  timeoutMs: number
  maxRedirects: number
  /** For tests. */
  lookup?: Lookup
}

/** `contentType` as the server says, `null` when it says nothing. */
export type Fetched = { bytes: Uint8Array; contentType: string | null }

/**
 * Gets what a URL of a stranger names; the caller bounds how many at one time. Throws `invalid_request` for whatever is
 * wrong with the URL, its host or the answer, with a message that names nothing of the inside, and `signal.reason`.
 * Disposed, it ends what is under way and refuses the rest with `overloaded`.
 */
export type GuardedFetch = AsyncDisposable & ((url: string, signal: AbortSignal) => Promise<Fetched>)

/** The proxies that the environment names are not used: they would reach what may not be reached. */
export function createGuardedFetch(options: GuardedFetchOptions): GuardedFetch {
  const mayConnect = createAddressFilter(options.networks)
  const end = new AbortController()
  const running = new Set<Promise<unknown>>()
  let making: Promise<MakeClient> | undefined

  const run = async (url: string, signal: AbortSignal) => {
    // Loaded for the first image: most processes never need it.
    making ??= import('./client.ts').then(({ clientMaker }) => clientMaker(mayConnect, options))
    const make = await making
    const limit = AbortSignal.timeout(options.timeoutMs)
    try {
      return await follow(make, url, options, AbortSignal.any([signal, limit, end.signal]))
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof MortiseError) throw error
      if (end.signal.aborted) throw new MortiseError('overloaded', 'the process is closing', { cause: error })
      throw refusal(limit.aborted ? 'no answer in time' : 'the connection failed', error)
    }
  }

  const fetch = (url: string, signal: AbortSignal) => {
    const fetched = run(url, signal).finally(() => running.delete(fetched))
    running.add(fetched)
    return fetched
  }
  return Object.assign(fetch, {
    async [Symbol.asyncDispose]() {
      end.abort()
      await Promise.allSettled(running)
    },
  })
}

async function follow(make: MakeClient, url: string, options: GuardedFetchOptions, signal: AbortSignal) {
  const { maxBytes, maxRedirects } = options
  let target = readTarget(url)
  for (let redirects = 0; ; redirects++) {
    signal.throwIfAborted()
    const client = make(target.origin, signal)
    try {
      const path = target.pathname + target.search
      const answer = await client.request({ path, method: 'GET', headers, signal })
      // It is told of the end of its client, whether anybody reads it or not.
      answer.body.on('error', () => {})
      if (!redirectStatus.has(answer.statusCode)) return await readAnswer(answer, maxBytes)
      if (redirects === maxRedirects) throw refusal('too many redirects')
      target = redirectTarget(answer.headers.location, target)
    } finally {
      await client.destroy()
    }
  }
}

/** No `Accept-Encoding` that packs: the limit is on the bytes that arrive. `CDN-Loop`: RFC 8586; gateways look at it. */
const headers = { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': 'mortise', 'cdn-loop': 'mortise' }
const redirectStatus = new Set([301, 302, 303, 307, 308])

async function readAnswer({ statusCode, headers, body }: Dispatcher.ResponseData, maxBytes: number): Promise<Fetched> {
  if (statusCode !== 200) throw refusal(`status ${statusCode}`)
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') throw refusal('an encoding that was not asked for')
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  const type = headers['content-type']
  return { bytes: join(chunks, size), contentType: typeof type === 'string' ? type : null }
}

/** In a buffer of its own: one that is shared with others would be copied to a thread with all that is in it. */
function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.byteLength
  }
  return bytes
}

function tooLarge(maxBytes: number): MortiseError {
  return refusal(`more than ${maxBytes} bytes`)
}
