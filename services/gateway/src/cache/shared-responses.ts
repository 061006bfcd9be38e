import type { Mark } from '@mortise/changes'
import type { SharedCache } from '@mortise/response-cache'
import type { Metrics } from '@mortise/telemetry'
import { freshnessLifetime } from '../http/cache-control.ts'
import type { Entity } from '../http/entity.ts'
import type { Fields } from '../http/fields.ts'
import type { MemoryCache } from './memory-cache.ts'
import { printResponse, readResponse, valueFormat, type WholeEntity } from './response-value.ts'

export type SharedResponses = {
  /**
   * The response that another gateway, or this one earlier, has put there; it is kept in memory as well. `ttl`: see
   * {@link lifetimeOf}; `version`: of the original. `null` when there is none for it; never rejects.
   */
  get(key: string, ttl: number, version: Mark): Promise<Entity | null>
  /** Puts it there, later, for `lifetime` seconds: for those who ask for the same version. */
  set(key: string, entity: WholeEntity, lifetime: number, version: Mark): void
}

export type SharedResponsesDeps = {
  shared: SharedCache
  cache: MemoryCache
  metrics: Metrics
  /** Milliseconds since the epoch. */
  now(): number
}

/** The cache that all gateways share, behind the one in memory. */
export function createSharedResponses({ shared, cache, metrics, now }: SharedResponsesDeps): SharedResponses {
  const flights = new Map<string, Promise<Entity | null>>()

  async function read(key: string, ttl: number, version: Mark): Promise<Entity | null> {
    const value = await shared.get(nameOf(key, version))
    const found = value && readResponse(value)
    // What it says about its age is believed only as far as its own `Cache-Control` goes.
    const lifetime = found ? Math.min((found.until - now()) / 1000, lifetimeOf(found.entity.fields, ttl)) : 0
    if (!found || lifetime <= 0) {
      metrics.sharedCache.inc({ event: value && !found ? 'invalid' : 'miss' })
      return null
    }
    metrics.sharedCache.inc({ event: 'hit' })
    const entity = { ...found.entity, version }
    if (cache.countUse(key)) cache.set(key, entity, lifetime)
    return { ...entity, fields: { ...entity.fields, 'x-mort-cache': 'hit' } }
  }

  return {
    get(key, ttl, version) {
      // A body is read once, however many ask for it at one time. It is bounded in time, so nobody's leaving ends it.
      const name = nameOf(key, version)
      const flight = flights.get(name) ?? read(key, ttl, version).finally(() => flights.delete(name))
      flights.set(name, flight)
      return flight
    },
    set(key, entity, lifetime, version) {
      shared.set(nameOf(key, version), printResponse(entity, now() + lifetime * 1000), lifetime)
    },
  }
}

/** For how many seconds a response is cached: what its `Cache-Control` allows, or without one `ttl`. */
export function lifetimeOf(fields: Fields, ttl: number): number {
  const field = fields['cache-control']
  return field === undefined ? ttl : freshnessLifetime(field)
}

/** What was made of another version of the original has another name, so that nobody ever finds it. */
function nameOf(key: string, { stamp }: Mark): string {
  return `${valueFormat} ${stamp} ${key}`
}
