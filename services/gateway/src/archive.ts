import { limitTime } from '@mortise/async'
import type { BucketConfig, GlacierConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Location } from '@mortise/plan'
import type { Storage } from '@mortise/storage'
import { createSeldom, type Log, type Metrics } from '@mortise/telemetry'
import { LRUCache } from 'lru-cache'
import type { Fields } from './http/fields.ts'

/** The owner of the restores that are being begun; they end with it. */
export type Archive = AsyncDisposable & {
  /**
   * What a client is told of an error that reading this object ended with, here or in a worker. If it is archived, and
   * the bucket whose storage it is in wants that, its restore is begun in the background.
   */
  told(location: Location, error: unknown): unknown
}

export type ArchiveOptions = {
  buckets: Record<string, BucketConfig>
  /** By name as in a Plan. */
  storage(name: string): Storage
  log: Pick<Log, 'info' | 'warn'>
  metrics: Pick<Metrics, 'archived' | 'restores'>
  /** Milliseconds since the epoch. */
  now(): number
}

/** An archived object that is being restored; the fields are mort's. */
export class Restoring extends MortiseError {
  readonly fields: Readonly<Fields>

  constructor(archived: MortiseError, { restoreTier, retryAfterSeconds: retryAfter }: GlacierConfig) {
    const { message, storageClass } = archived
    super('archived', message, { cause: archived, retryAfter, ...(storageClass === undefined ? {} : { storageClass }) })
    this.fields = {
      'x-mort-glacier-status': 'restoring',
      'x-mort-glacier-tier': restoreTier,
      ...(storageClass === undefined ? {} : { 'x-mort-storage-class': storageClass }),
    }
  }
}

/** As in mort: milliseconds for a storage to begin a restore. */
const limitMs = 10_000
/** Restores that are being begun at one time. Beyond it, a later request begins those that are left. */
const maxBeginning = 16
const maxRecords = 10_000
/** Milliseconds before one that failed is begun again, and between two lines about failures of a storage. */
const restMs = 30_000

/**
 * The record of restores that were begun is this process's own, and mort's for as long: until the object should be back.
 * A second process, or this one after it has forgotten, asks the storage again, to which that is no second restore.
 */
export function createArchive({ buckets, storage, log, metrics, now }: ArchiveOptions): Archive {
  const begun = new LRUCache<string, true>({ max: maxRecords, perf: { now }, ttlResolution: 0 })
  const beginning = new Set<Promise<void>>()
  const closing = new AbortController()
  const seldom = createSeldom({ periodMs: restMs, now })

  function begin(location: Location, storageClass: string | undefined, glacier: GlacierConfig): void {
    const name = JSON.stringify([location.storage, location.bucket, location.key])
    if (begun.has(name) || beginning.size >= maxBeginning || closing.signal.aborted) return
    begun.set(name, true, { ttl: Math.max(1, glacier.retryAfterSeconds) * 1000 })
    const done = restore(location, storageClass, glacier).then(succeeded => {
      if (!succeeded) begun.set(name, true, { ttl: restMs })
      beginning.delete(done)
    })
    beginning.add(done)
  }

  /** Never rejects. */
  async function restore(location: Location, storageClass: string | undefined, glacier: GlacierConfig) {
    const { restoreTier: tier, restoreDays } = glacier
    const facts = { ...location, storageClass, tier }
    // S3 moves objects of that class back for good, and takes no days for it.
    const days = storageClass === 'INTELLIGENT_TIERING' ? null : restoreDays
    const call = async (signal: AbortSignal) => storage(location.storage).restore?.(location, { days, tier, signal })
    try {
      await limitTime(limitMs, closing.signal, call, () => new Error(`no answer within ${limitMs} ms`))
      metrics.restores.inc()
      log.info(facts, 'restore begun')
      return true
    } catch (err) {
      if (!closing.signal.aborted)
        seldom(location.storage, more => log.warn({ ...facts, err, ...more }, 'restores cannot be begun'))
      return false
    }
  }

  return {
    told(location, error) {
      if (!(error instanceof MortiseError) || error.code !== 'archived') return error
      metrics.archived.inc()
      const owner = location.storage.split('/', 1)[0]!
      const glacier = Object.hasOwn(buckets, owner) ? buckets[owner]!.glacier : null
      if (!glacier?.enabled || !storage(location.storage).restore) return error
      begin(location, error.storageClass, glacier)
      return new Restoring(error, glacier)
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('closing'))
      await Promise.all(beginning)
    },
  }
}
