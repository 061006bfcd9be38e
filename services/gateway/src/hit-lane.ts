import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ResponseCache } from './cache.ts'
import { evaluatePreconditions } from './http/conditional.ts'
import type { Preference } from './http/negotiate.ts'

export type HitLaneDeps = {
  cache: ResponseCache
  preferenceOf(accept: string | undefined): Preference
  onHit(): void
}

/**
 * Answers a request whose target was answered from the cache before, without planning, hashing or copying anything: two
 * look-ups and one write. `false` when it is not for this lane, and nothing was written; the application then finds the
 * same entry by its key.
 */
export function createHitLane({ cache, preferenceOf, onHit }: HitLaneDeps) {
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const { method, headers } = request
    if (method !== 'GET' && method !== 'HEAD') return false
    if (headers.range !== undefined || headers.authorization !== undefined || headers['x-mort-debug']) return false
    const cached = cache.find(request.url ?? '', preferenceOf(headers.accept).variant)
    if (cached === undefined) return false

    const status = evaluatePreconditions(headers, cached)
    if (status === 412) return false
    if (status === 304) response.writeHead(304, cached.notModifiedHead).end()
    else if (method === 'HEAD') response.writeHead(200, cached.head).end()
    else response.writeHead(200, cached.head).end(cached.bytes)
    onHit()
    return true
  }
}
