import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MemoryCache } from './cache/memory-cache.ts'
import { evaluatePreconditions, type RequestFields } from './http/conditional.ts'
import type { Unsent } from './unsent.ts'

export type HitLaneDeps = {
  cache: MemoryCache
  unsent: Unsent
  /** What distinguishes the cached variants of one target. */
  variantOf(fields: RequestFields): string
  onHit(): void
}

/**
 * Answers a request whose target was answered from the cache before, without planning, hashing or copying anything: two
 * look-ups and one write. `false` when it is not for this lane, and nothing was written; the application then finds the
 * same entry by its key.
 */
export function createHitLane({ cache, unsent, variantOf, onHit }: HitLaneDeps) {
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const { method, headers } = request
    if (method !== 'GET' && method !== 'HEAD') return false
    if (headers.range !== undefined || headers.authorization !== undefined || headers['x-mort-debug']) return false
    const cached = cache.find(request.url ?? '', variantOf(headers))
    if (cached === undefined) return false

    const status = evaluatePreconditions(headers, cached)
    if (status === 412) return false
    if (status === 304) response.writeHead(304, cached.notModifiedHead).end()
    // The client may have it in another coding.
    else if (headers['if-none-match'] !== undefined && cached.fields['content-encoding'] !== undefined) return false
    else if (method === 'HEAD') response.writeHead(200, cached.head).end()
    else {
      response.writeHead(200, cached.head).end(cached.bytes)
      if (response.writableLength > 0) unsent.hold(response, cached.bytes)
    }
    onHit()
    return true
  }
}
