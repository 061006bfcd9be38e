import { LRUCache } from 'lru-cache'
import type { Entity } from '../http/entity.ts'
import { type Fields, withoutBodyFields } from '../http/fields.ts'
import { createUseCount } from './use-count.ts'

/** A response kept in memory: one body, shared by everybody who is answered with it, and its fields made ready. */
export type CachedResponse = Pick<Entity, 'etag' | 'lastModified' | 'size' | 'version'> & {
  bytes: Uint8Array
  fields: Fields
  /** Name, value, name, value, as `writeHead` takes them: for a 200, and for a 304. */
  head: string[]
  notModifiedHead: string[]
}

export type MemoryCache = {
  get(key: string): CachedResponse | undefined
  /** The response to a request target as it came, when that is known already. */
  find(target: string, variant: string): CachedResponse | undefined
  /** From now on this target, with this variant, means the response under `key`. */
  remember(target: string, variant: string, key: string): void
  /** Counts a use of what could be kept; `false`: it has not been used often enough for that. */
  countUse(key: string): boolean
  /** Keeps it for `lifetime` seconds; what is larger than the limit of an item is not kept. */
  set(key: string, entity: Entity & { body: { kind: 'bytes' } }, lifetime: number): void
  /** For how long this response is kept yet; 0 when it is not. */
  secondsLeft(key: string): number
  readonly maxItemBytes: number
  stats(): { entries: number; bytes: number; targets: number }
}

/** Targets are short names for entries: enough for a busy site, and no memory to speak of. */
const maxTargets = 20_000
const maxTargetLength = 2048

/** What an entry costs besides its body. */
const overhead = 2048

export function createMemoryCache({
  maxBytes,
  maxItemBytes,
  minUseCount,
}: {
  maxBytes: number
  maxItemBytes: number
  /** A response is kept from this use on. */
  minUseCount: number
}): MemoryCache {
  const entries = new LRUCache<string, CachedResponse>({
    maxSize: Math.max(1, maxBytes),
    maxEntrySize: Math.max(1, Math.min(maxBytes, maxItemBytes + overhead)),
    sizeCalculation: ({ bytes }) => bytes.byteLength + overhead,
    ttlAutopurge: false,
  })
  const targets = new LRUCache<string, string>({ max: maxTargets })

  const get = (key: string): CachedResponse | undefined => {
    const found = entries.get(key)
    if (found?.version?.isCurrent() !== false) return found
    entries.delete(key)
    return undefined
  }

  return {
    maxItemBytes,
    get,
    find(target, variant) {
      const key = targets.get(aliasOf(target, variant))
      return key === undefined ? undefined : get(key)
    },
    remember(target, variant, key) {
      if (target.length <= maxTargetLength) targets.set(aliasOf(target, variant), key)
    },
    countUse: createUseCount(minUseCount),
    set(key, { etag, lastModified, size, fields, body, version }, lifetime) {
      if (lifetime <= 0 || version?.isCurrent() === false) return
      entries.set(
        key,
        { etag, lastModified, size, bytes: body.bytes, ...prepare(fields, size), ...(version ? { version } : {}) },
        { ttl: lifetime * 1000 },
      )
    },
    secondsLeft: key => Math.max(0, entries.getRemainingTTL(key) / 1000),
    stats: () => ({ entries: entries.size, bytes: entries.calculatedSize, targets: targets.size }),
  }
}

function aliasOf(target: string, variant: string): string {
  return variant === '' ? target : `${variant} ${target}`
}

function prepare(given: Fields, size: number): Pick<CachedResponse, 'fields' | 'head' | 'notModifiedHead'> {
  const fields: Fields = { ...given, 'x-mort-cache': 'hit' }
  return {
    fields,
    head: Object.entries({ ...fields, 'content-length': String(size) }).flat(),
    notModifiedHead: Object.entries(withoutBodyFields(fields)).flat(),
  }
}
