import { fromFailure, MortiseError } from '@mortise/errors'
import type { Location, Plan, Resolution } from '@mortise/plan'
import type { Derived, JobQueue } from '@mortise/queue'
import type { ByteRange, Storage, StoredObject } from '@mortise/storage'
import { readRecord } from '@mortise/storage/record'
import type { Metrics } from '@mortise/telemetry'
import type { CachedResponse, ResponseCache } from './cache.ts'
import { freshnessLifetime } from './http/cache-control.ts'
import type { Entity } from './http/entity.ts'
import { commonFields, type Fields, type HeaderRules, objectFields, quoted } from './http/fields.ts'

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

/** Below this, one read into memory is cheaper than a stream. */
const smallBody = 256 * 1024

export function createDeliver(deps: DeliverDeps): Deliver {
  const { metrics, settings } = deps
  return {
    async object({ bucket, object: location, imageOnly }, { head, range, signal }) {
      const cacheKey = `object ${location.storage} ${location.bucket} ${location.key}`
      const cached = lookUp(deps, cacheKey)
      if (cached) return { entity: fromCache(cached), cacheKey }
      if (head) return { entity: await headObject(deps, bucket, location, imageOnly, signal), cacheKey: null }
      const object = await openRange(deps, location, range, signal)
      if (!object || (imageOnly && !object.info.contentType?.includes('image/'))) {
        await object?.[Symbol.asyncDispose]()
        throw new MortiseError('no_such_object', 'no such object')
      }
      metrics.requestType.inc({ type: 'download' })
      return keep(deps, cacheKey, storedEntity(deps, bucket, location, object, objectFields(object.info), signal), 0)
    },

    async derivative(resolution, { signal }) {
      const { plan, checkParent, negotiated } = resolution
      // One plan can be the answer to a URL that negotiates and to one that does not; only the former says Vary.
      const cacheKey = negotiated ? `${plan.id} negotiated` : plan.id
      const cached = lookUp(deps, cacheKey)
      if (cached) return { entity: fromCache(cached), cacheKey }
      const ttl = checkParent ? 0 : settings.ttl
      const stored = await openCurrent(deps, plan, checkParent, signal)
      if (stored) metrics.requestType.inc({ type: 'download' })
      const entity = stored ? derivativeEntity(deps, resolution, stored, signal) : await make(deps, resolution, signal)
      return keep(deps, cacheKey, entity, ttl)
    },
  }
}

function lookUp({ cache, metrics }: DeliverDeps, key: string): CachedResponse | undefined {
  const cached = cache.get(key)
  metrics.cache.inc({ status: cached ? 'hit' : 'miss' })
  return cached
}

function fromCache({ bytes, ...rest }: CachedResponse): Entity {
  return { ...rest, body: { kind: 'bytes', bytes } }
}

/** Queues the plan and waits. Large results come back through the storage. */
async function make(deps: DeliverDeps, resolution: DerivativeResolution, signal: AbortSignal): Promise<Entity> {
  const { queue, metrics, settings, now } = deps
  const { plan } = resolution
  metrics.requestType.inc({ type: 'transform' })
  const started = now()
  const outcome = await queue.submit(plan, { lane: 'interactive', deadline: started + settings.requestTimeout, signal })
  metrics.waitTime.observe(now() - started)
  if (!outcome.ok) throw fromFailure(outcome.failure)
  const { derived, bytes } = outcome
  if (bytes) return { ...describe(deps, resolution, derived), body: { kind: 'bytes', bytes } }
  const object = await open(deps, plan.derivative, null, signal)
  if (!object) throw new MortiseError('storage_unavailable', 'derivative: not stored')
  return derivativeEntity(deps, resolution, object, signal)
}

/**
 * The stored derivative, unless it is stale: made by another plan (with keys that are paths, a changed preset), or, with
 * `checkParent`, from another original than the present one. Those that mort has stored say neither and are taken.
 */
async function openCurrent(deps: DeliverDeps, plan: Plan, checkParent: boolean, signal: AbortSignal) {
  const parent = checkParent ? headOf(deps, plan.original, signal) : null
  // Its failure is awaited below; until then nobody listens.
  parent?.catch(() => {})
  const object = await open(deps, plan.derivative, null, signal)
  try {
    const original = await parent
    if (checkParent && !original) throw new MortiseError('no_such_object', 'the original is gone')
    if (!object) return null
    const record = readRecord(object.info)
    const current =
      (record.plan === undefined || record.plan === plan.id) &&
      (!original || record.original === undefined || record.original === original.etag)
    if (current) return object
    await object[Symbol.asyncDispose]()
    return null
  } catch (error) {
    await object?.[Symbol.asyncDispose]()
    throw error
  }
}

function derivativeEntity(
  deps: DeliverDeps,
  { bucket, plan, negotiated }: DerivativeResolution,
  object: StoredObject,
  signal: AbortSignal,
): Entity {
  const { info } = object
  const { etag, modified, width, height } = readRecord(info)
  const fields = objectFields(info)
  if (etag) fields.etag = quoted(etag)
  if (modified) fields['last-modified'] = new Date(modified).toUTCString()
  if (width) fields['x-amz-meta-public-width'] = String(width)
  if (height) fields['x-amz-meta-public-height'] = String(height)
  if (negotiated) fields.vary = 'Accept'
  const entity = storedEntity(deps, bucket, plan.derivative, object, fields, signal)
  return modified ? { ...entity, lastModified: modified } : entity
}

/** A derivative that has just been made, as it will look when it is read back. */
function describe(
  { headerRules }: DeliverDeps,
  { bucket, negotiated }: DerivativeResolution,
  derived: Derived,
): Omit<Entity, 'body'> {
  const etag = quoted(derived.etag)
  const fields: Fields = {
    ...commonFields,
    'content-type': derived.contentType,
    etag,
    'last-modified': new Date(derived.lastModified).toUTCString(),
    'x-amz-meta-public-width': String(derived.width),
    'x-amz-meta-public-height': String(derived.height),
  }
  if (negotiated) fields.vary = 'Accept'
  headerRules(bucket, 200, fields)
  return { fields, etag: fields.etag ?? etag, lastModified: derived.lastModified, size: derived.size }
}

function storedEntity(
  deps: DeliverDeps,
  bucket: string,
  location: Location,
  object: StoredObject,
  fields: Fields,
  signal: AbortSignal,
): Entity {
  deps.headerRules(bucket, 200, fields)
  const reopen = async (range: ByteRange) => {
    const again = await open(deps, location, range, signal)
    if (again && again.info.etag === object.info.etag) return again
    await again?.[Symbol.asyncDispose]()
    throw new MortiseError('storage_unavailable', 'the object changed while it was read')
  }
  return {
    fields,
    etag: fields.etag ?? quoted(object.info.etag),
    lastModified: object.info.lastModified.getTime(),
    size: object.info.size,
    body: { kind: 'stored', object, reopen },
  }
}

async function headObject(
  deps: DeliverDeps,
  bucket: string,
  location: Location,
  imageOnly: boolean,
  signal: AbortSignal,
) {
  const info = await headOf(deps, location, signal)
  if (!info || (imageOnly && !info.contentType?.includes('image/'))) {
    throw new MortiseError('no_such_object', 'no such object')
  }
  const fields = objectFields(info)
  deps.headerRules(bucket, 200, fields)
  const { etag, size, lastModified } = info
  return {
    fields,
    etag: fields.etag ?? quoted(etag),
    lastModified: lastModified.getTime(),
    size,
    body: { kind: 'none' },
  } as const
}

/** Reads small bodies whole, and puts into the cache what its `Cache-Control` (or, without one, `ttl`) allows. */
async function keep({ cache, metrics }: DeliverDeps, key: string, entity: Entity, ttl: number): Promise<Delivery> {
  const field = entity.fields['cache-control']
  const lifetime = field === undefined ? ttl : freshnessLifetime(field)
  const fits = entity.size <= cache.maxItemBytes
  let { body } = entity
  if (body.kind === 'stored' && !body.object.range && ((lifetime > 0 && fits) || entity.size <= smallBody)) {
    await using object = body.object
    body = { kind: 'bytes', bytes: await object.bytes(entity.size) }
  }
  if (body.kind !== 'bytes' || lifetime <= 0 || !fits) return { entity: { ...entity, body }, cacheKey: null }
  const whole = { ...entity, body }
  cache.set(key, whole, lifetime)
  metrics.cache.inc({ status: 'set' })
  return { entity: whole, cacheKey: key }
}

/** A range that the object does not have is answered from the whole, which knows the size. */
async function openRange(deps: DeliverDeps, location: Location, range: ByteRange | null, signal: AbortSignal) {
  try {
    return await open(deps, location, range, signal)
  } catch (error) {
    if (error instanceof MortiseError && error.code === 'range_not_satisfiable')
      return open(deps, location, null, signal)
    throw error
  }
}

function open(deps: DeliverDeps, { storage, bucket, key }: Location, range: ByteRange | null, signal: AbortSignal) {
  const ref = { bucket, key }
  return inTime(deps, signal, limited =>
    deps.storage(storage).get(ref, range ? { range, signal: limited } : { signal: limited }),
  )
}

function headOf(deps: DeliverDeps, { storage, bucket, key }: Location, signal: AbortSignal) {
  return inTime(deps, signal, limited => deps.storage(storage).head({ bucket, key }, limited))
}

/** Opening is limited in time; reading afterwards takes as long as the client needs. */
async function inTime<T>(
  { settings }: DeliverDeps,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const late = new MortiseError('storage_unavailable', 'storage: no answer in time')
  const timer = setTimeout(() => limit.abort(late), settings.storageTimeout)
  try {
    return await run(AbortSignal.any([signal, limit.signal]))
  } finally {
    clearTimeout(timer)
  }
}
