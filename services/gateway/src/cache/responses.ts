import type { Mark } from '@mortise/changes'
import type { StoredObject } from '@mortise/storage'
import type { Metrics } from '@mortise/telemetry'
import type { Entity } from '../http/entity.ts'
import type { CachedResponse, MemoryCache } from './memory-cache.ts'
import { lifetimeOf, type SharedResponses } from './shared-responses.ts'

export type Delivery = {
  entity: Entity
  /** Set when the entity is in the cache now, so that its target can be remembered. */
  cacheKey: string | null
}

/** Where responses are looked for before anybody is asked, and kept afterwards. */
export type Responses = {
  /**
   * `ttl`: seconds that a response without any `Cache-Control` is kept. `version`: of the original as it is
   * now.
   */
  find(key: string, options: { ttl: number; shared: boolean; version: Mark }): Promise<Delivery | null>
  /** Puts into the caches, read whole, what its `Cache-Control` (or, without one, `ttl`) allows. */
  keep(key: string, entity: Entity & { version: Mark }, ttl: number): Promise<Delivery>
}

export type ResponsesDeps = { cache: MemoryCache; shared: SharedResponses | null; metrics: Metrics }

/** Bytes that are read for the caches at one time; beyond it bodies are sent while they are read, and not kept. */
const maxReading = 128 * 1024 * 1024

/** Memory first, then the cache that is shared, if there is one. */
export function createResponses({ cache, shared, metrics }: ResponsesDeps): Responses {
  let reading = 0
  const read = async (object: StoredObject, size: number) => {
    reading += size
    try {
      await using open = object
      return await open.bytes(size)
    } finally {
      reading -= size
    }
  }
  return {
    async find(key, { ttl, shared: everywhere, version }) {
      const cached = cache.get(key)
      const found = cached ? fromCache(cached) : everywhere && shared ? await shared.get(key, ttl, version) : null
      metrics.cache.inc({ status: found ? 'hit' : 'miss' })
      return found && { entity: found, cacheKey: key }
    },

    async keep(key, entity, ttl) {
      const lifetime = lifetimeOf(entity.fields, ttl)
      const { body } = entity
      const part = body.kind === 'stored' && body.object.range !== undefined
      if (lifetime <= 0 || entity.size > cache.maxItemBytes || part || body.kind === 'none') {
        return { entity, cacheKey: null }
      }
      if (body.kind === 'stored' && reading + entity.size > maxReading) return { entity, cacheKey: null }
      const wanted = cache.countUse(key)
      if (!wanted && !shared) return { entity, cacheKey: null }
      const bytes = body.kind === 'bytes' ? body.bytes : await read(body.object, entity.size)
      const whole = { ...entity, body: { kind: 'bytes', bytes } as const }
      if (!entity.version.isCurrent()) return { entity: whole, cacheKey: null }
      shared?.set(key, whole, lifetime, entity.version)
      if (!wanted) return { entity: whole, cacheKey: null }
      cache.set(key, whole, lifetime)
      metrics.cache.inc({ status: 'set' })
      return { entity: whole, cacheKey: key }
    },
  }
}

export function fromCache({ bytes, ...rest }: CachedResponse): Entity {
  return { ...rest, body: { kind: 'bytes', bytes } }
}
