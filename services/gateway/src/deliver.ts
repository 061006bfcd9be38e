import { fromFailure, MortiseError } from '@mortise/errors'
import type { Resolution } from '@mortise/plan'
import type { JobQueue } from '@mortise/queue'
import { type ByteRange, isImage, type Storage } from '@mortise/storage'
import type { Metrics } from '@mortise/telemetry'
import type { CachedResponse, ResponseCache } from './cache.ts'
import { createEntities, type Entities } from './entities.ts'
import { freshnessLifetime } from './http/cache-control.ts'
import type { Entity } from './http/entity.ts'
import type { HeaderRules } from './http/fields.ts'
import { createOpener, type Opener } from './open.ts'

export type DeliverDeps = {
  /** By name as in a Plan. Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  queue: JobQueue
  cache: ResponseCache
  headerRules: HeaderRules
  metrics: Metrics
  settings: {
    /** Milliseconds that a client waits for a derivative. */
    requestTimeout: number
    /** Milliseconds for a storage to open an object. */
    storageTimeout: number
    /** Seconds that a derivative without any `Cache-Control` is kept in memory. */
    ttl: number
  }
  /** Milliseconds since the epoch. */
  now(): number
}

type ObjectResolution = Extract<Resolution, { kind: 'object' }>
type DerivativeResolution = Extract<Resolution, { kind: 'derivative' }>

export type Delivery = {
  entity: Entity
  /** Set when the entity is in the cache now, so that its target can be remembered. */
  cacheKey: string | null
}

export type Deliver = {
  /** An object as it is stored. `range` is passed to the storage; the entity then holds that part. */
  object(
    resolution: ObjectResolution,
    options: { head: boolean; range: ByteRange | null; signal: AbortSignal },
  ): Promise<Delivery>
  /** A derivative: from the cache, from its storage, or made now while the client waits. */
  derivative(resolution: DerivativeResolution, options: { signal: AbortSignal }): Promise<Delivery>
}

type Parts = DeliverDeps & {
  opener: Opener
  entities: Entities
  /** Plans that clients wait for here, with how many; for the count of requests that joined. */
  waiting: Map<string, number>
}

export function createDeliver(deps: DeliverDeps): Deliver {
  const { storage, settings, headerRules, metrics } = deps
  const opener = createOpener({ storage, timeout: settings.storageTimeout })
  const parts: Parts = { ...deps, opener, entities: createEntities(headerRules, opener), waiting: new Map() }
  return {
    async object({ bucket, object: location, imageOnly }, { head, range, signal }) {
      // The header rules of the asking bucket are in what is cached.
      const cacheKey = `object ${bucket} ${imageOnly} ${location.storage} ${location.bucket} ${location.key}`
      const cached = lookUp(parts, cacheKey)
      if (cached) return { entity: fromCache(cached), cacheKey }
      if (head) {
        const info = await opener.head(location, signal)
        if (!info || (imageOnly && !isImage(info))) throw new MortiseError('no_such_object', 'no such object')
        return { entity: parts.entities.head(bucket, info), cacheKey: null }
      }
      const object = await opener.openRange(location, range, signal)
      if (!object || (imageOnly && !isImage(object.info))) {
        await object?.[Symbol.asyncDispose]()
        throw new MortiseError('no_such_object', 'no such object')
      }
      metrics.requestType.inc({ type: 'download' })
      return keep(parts, cacheKey, parts.entities.object(bucket, location, object, signal), 0)
    },

    async derivative(resolution, { signal }) {
      const { plan, checkParent, negotiated } = resolution
      // One plan can be the answer to a URL that negotiates and to one that does not; only the former says Vary.
      const cacheKey = negotiated ? `${plan.id} negotiated` : plan.id
      const cached = lookUp(parts, cacheKey)
      if (cached) return { entity: fromCache(cached), cacheKey }
      const stored = await opener.openCurrent(plan, checkParent, signal)
      if (stored) metrics.requestType.inc({ type: 'download' })
      const entity = stored
        ? parts.entities.derivative(resolution, stored, signal)
        : await make(parts, resolution, signal)
      return keep(parts, cacheKey, entity, checkParent ? 0 : settings.ttl)
    },
  }
}

function lookUp({ cache, metrics }: Parts, key: string): CachedResponse | undefined {
  const cached = cache.get(key)
  metrics.cache.inc({ status: cached ? 'hit' : 'miss' })
  return cached
}

function fromCache({ bytes, ...rest }: CachedResponse): Entity {
  return { ...rest, body: { kind: 'bytes', bytes } }
}

/** Queues the plan and waits. Large results come back through the storage. */
async function make(parts: Parts, resolution: DerivativeResolution, signal: AbortSignal): Promise<Entity> {
  const { queue, metrics, settings, now, opener, entities } = parts
  const { plan } = resolution
  metrics.requestType.inc({ type: 'transform' })
  using _wait = countWait(parts, plan.id)
  const started = now()
  const outcome = await queue.submit(plan, { lane: 'interactive', deadline: started + settings.requestTimeout, signal })
  metrics.waitTime.observe(now() - started)
  if (!outcome.ok) throw fromFailure(outcome.failure)
  const { derived, bytes } = outcome
  if (bytes) return entities.made(resolution, derived, bytes)
  const object = await opener.open(plan.derivative, null, signal)
  if (!object) throw new MortiseError('storage_unavailable', 'derivative: not stored')
  return entities.derivative(resolution, object, signal)
}

function countWait({ waiting, metrics }: Parts, id: string): Disposable {
  const others = waiting.get(id) ?? 0
  if (others > 0) metrics.collapsed.inc()
  waiting.set(id, others + 1)
  return {
    [Symbol.dispose]() {
      const left = (waiting.get(id) ?? 1) - 1
      if (left > 0) waiting.set(id, left)
      else waiting.delete(id)
    },
  }
}

/** Puts into the cache, read whole, what its `Cache-Control` (or, without one, `ttl` in seconds) allows. */
async function keep({ cache, metrics }: Parts, key: string, entity: Entity, ttl: number): Promise<Delivery> {
  const field = entity.fields['cache-control']
  const lifetime = field === undefined ? ttl : freshnessLifetime(field)
  const { body } = entity
  const part = body.kind === 'stored' && body.object.range !== undefined
  if (lifetime <= 0 || entity.size > cache.maxItemBytes || part || body.kind === 'none') {
    return { entity, cacheKey: null }
  }
  const whole = { ...entity, body: { kind: 'bytes', bytes: await bytesOf(body, entity.size) } as const }
  cache.set(key, whole, lifetime)
  metrics.cache.inc({ status: 'set' })
  return { entity: whole, cacheKey: key }
}

async function bytesOf(body: Exclude<Entity['body'], { kind: 'none' }>, size: number): Promise<Uint8Array> {
  if (body.kind === 'bytes') return body.bytes
  await using object = body.object
  return await object.bytes(size)
}
