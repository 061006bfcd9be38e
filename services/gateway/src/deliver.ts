import type { Changes } from '@mortise/changes'
import { MortiseError } from '@mortise/errors'
import type { Location, Resolution } from '@mortise/plan'
import type { JobQueue } from '@mortise/queue'
import { type ByteRange, isImage, type Storage, type StoredObject } from '@mortise/storage'
import type { Metrics } from '@mortise/telemetry'
import type { Archive } from './archive.ts'
import type { Delivery, Responses } from './cache/responses.ts'
import { deliverDerivative, type MadeOrFailed } from './deliver-derivative.ts'
import { createEntities, type Entities } from './entities.ts'
import type { Codings } from './http/codings.ts'
import type { HeaderRules } from './http/fields.ts'
import { createLater, type Later } from './later.ts'
import { createOpener, type Opener } from './open.ts'
import type { Placeholders, StandIn } from './placeholder.ts'
import type { RespondAsync } from './prefer.ts'

export type DeliverDeps = {
  /** By name as in a Plan. Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  queue: JobQueue
  archive: Pick<Archive, 'told'>
  responses: Responses
  changes: Pick<Changes, 'mark' | 'isRecent'>
  placeholders: Placeholders | null
  headerRules: HeaderRules
  codings: Codings
  metrics: Metrics
  settings: {
    /** Milliseconds that a client waits for a derivative. */
    requestTimeout: number
    /** Milliseconds for a storage to open an object. */
    storageTimeout: number
    /** Seconds that a derivative without any `Cache-Control` is cached. */
    ttl: number
    /** Derivatives that are made at one time for clients who will ask again. */
    maxLater: number
    /** Bytes above which an object is given out by its storage, where that can; 0 = never. */
    redirectAbove: number
  }
  /** Milliseconds since the epoch. */
  now(): number
}

export type ObjectResolution = Extract<Resolution, { kind: 'object' }>
export type DerivativeResolution = Extract<Resolution, { kind: 'derivative' }>

/** The client is to ask there. */
export type Redirection = { location: string }

/** It is being made; the client is to ask again after so many seconds. */
export type Accepted = { retryAfter: number }

/** What is sent with this error, because there is no derivative. */
export type Replacement = { error: unknown; standIn: StandIn }

export type Deliver = {
  /** An object as it is stored. `range` is passed to the storage; the entity then holds that part. */
  object(
    resolution: ObjectResolution,
    options: { head: boolean; range: ByteRange | null; signal: AbortSignal },
  ): Promise<Delivery | Redirection>
  /** A derivative: from the cache, from its storage, or made now while the client waits. */
  derivative(
    resolution: DerivativeResolution,
    options: {
      /** An error is to be seen as it is. */
      explain: boolean
      /** That field of the request. */
      cdnLoop?: string | string[] | undefined
      /** Who asks would rather ask again than wait. */
      respondAsync?: RespondAsync | null
      signal: AbortSignal
    },
  ): Promise<Delivery | Replacement | Accepted>
}

export type Parts = DeliverDeps & {
  opener: Opener
  entities: Entities
  /** Plans that clients wait for here, with how many; for the count of requests that joined. */
  waiting: Map<string, number>
  later: Later<MadeOrFailed>
}

/** As in mort. Seconds. */
const redirectsFor = 5 * 3600

export function createDeliver(deps: DeliverDeps): Deliver {
  const { storage, archive, settings, headerRules, codings } = deps
  const opener = createOpener({ storage, archive, timeout: settings.storageTimeout })
  const parts: Parts = {
    ...deps,
    opener,
    entities: createEntities({ headerRules, codings, opener }),
    waiting: new Map(),
    later: createLater<MadeOrFailed>({ max: settings.maxLater, isFinal, now: deps.now }),
  }
  return {
    object: (resolution, options) => deliverObject(parts, resolution, options),
    derivative: (resolution, options) => deliverDerivative(parts, resolution, options),
  }
}

/** At its deadline a job goes on; nothing else that failed is worth to be tried again at once. */
function isFinal(made: MadeOrFailed): boolean {
  return 'error' in made && !(made.error instanceof MortiseError && made.error.code === 'timed_out')
}

async function deliverObject(
  { responses, opener, entities, metrics, settings, changes }: Parts,
  { bucket, object: location, imageOnly }: ObjectResolution,
  { head, range, signal }: Parameters<Deliver['object']>[1],
): Promise<Delivery | Redirection> {
  // What the S3 API calls a folder is an object only there.
  if (location.key.endsWith('/')) throw new MortiseError('no_such_object', 'a folder is no object')
  // The header rules of the asking bucket are in what is cached.
  const cacheKey = objectCacheKey(bucket, imageOnly, location)
  const version = changes.mark(location.key)
  const cached = await responses.find(cacheKey, { ttl: 0, shared: !head, version })
  if (cached) return cached
  if (head) {
    const info = await opener.head(location, signal)
    if (!info || (imageOnly && !isImage(info))) throw new MortiseError('no_such_object', 'no such object')
    return { entity: entities.head(bucket, info), cacheKey: null }
  }
  const object = await opener.openRange(location, range, signal)
  if (!object || (imageOnly && !isImage(object.info))) {
    await object?.[Symbol.asyncDispose]()
    throw new MortiseError('no_such_object', 'no such object')
  }
  metrics.requestType.inc({ type: 'download' })
  if (settings.redirectAbove > 0 && object.info.size > settings.redirectAbove) {
    const url = await presign(opener, location, object, signal)
    if (url !== null) return { location: url }
  }
  return responses.keep(cacheKey, { ...entities.object(bucket, location, object, signal), version }, 0)
}

/** Under which an original is cached, for the bucket that was asked. */
export function objectCacheKey(bucket: string, imageOnly: boolean, { storage, bucket: of, key }: Location): string {
  return `object ${bucket} ${imageOnly} ${storage} ${of} ${key}`
}

/** Closes the object, unless its storage has no URLs of its own. */
async function presign(
  opener: Opener,
  location: ObjectResolution['object'],
  object: StoredObject,
  signal: AbortSignal,
): Promise<string | null> {
  let url: string | null = ''
  try {
    url = await opener.presign(location, redirectsFor, signal)
    return url
  } finally {
    if (url !== null) await object[Symbol.asyncDispose]()
  }
}
