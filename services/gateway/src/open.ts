import { limitTime } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import type { Location, Plan } from '@mortise/plan'
import type { ByteRange, ObjectInfo, Storage, StoredObject } from '@mortise/storage'
import { isWhole, readRecord } from '@mortise/storage/record'
import type { Archive } from './archive.ts'

export type OpenDeps = {
  /** By name as in a Plan. Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  archive: Pick<Archive, 'told'>
  /** Milliseconds for a storage to open an object. */
  timeout: number
}

export type Opener = ReturnType<typeof createOpener>

/** Reads of storages. Opening is limited in time; reading afterwards takes as long as the client needs. */
export function createOpener({ storage, archive, timeout }: OpenDeps) {
  const late = () => new MortiseError('storage_unavailable', 'storage: no answer in time')
  const inTime = <T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>) =>
    limitTime(timeout, signal, call, late)

  const head = (location: Location, signal: AbortSignal) =>
    inTime(signal, limited => storage(location.storage).head(location, limited))

  const open = (location: Location, range: ByteRange | null, signal: AbortSignal) =>
    inTime(signal, limited =>
      storage(location.storage).get(location, range ? { range, signal: limited } : { signal: limited }),
    ).catch(error => {
      throw archive.told(location, error)
    })

  return {
    head,
    open,

    /** A URL under which the storage itself gives out the object for so long; `null` where a storage cannot. */
    async presign(location: Location, expiresSeconds: number, signal: AbortSignal): Promise<string | null> {
      const { presign } = storage(location.storage)
      if (!presign) return null
      return inTime(signal, limited => presign(location, { expiresSeconds, signal: limited }))
    },

    /** A range that the object does not have is answered from the whole, which knows the size. */
    async openRange(location: Location, range: ByteRange | null, signal: AbortSignal): Promise<StoredObject | null> {
      try {
        return await open(location, range, signal)
      } catch (error) {
        if (!(error instanceof MortiseError) || error.code !== 'range_not_satisfiable') throw error
        return open(location, null, signal)
      }
    },

    /**
     * The stored derivative, unless it is torn, or stale: made by another plan (with keys that are paths, a changed
     * preset), or from another original than `parent`, which is looked at in the meantime. Those that mort has stored
     * say neither and are taken, unless `strict`. Throws `no_such_object` when there is no parent any more.
     */
    async openCurrent(
      plan: Plan,
      parent: Promise<ObjectInfo | null> | null,
      { strict, signal }: { strict: boolean; signal: AbortSignal },
    ): Promise<StoredObject | null> {
      // Its failure is awaited below; until then nobody listens.
      parent?.catch(() => {})
      const object = await open(plan.derivative, null, signal)
      try {
        const original = await parent
        if (parent && !original) throw new MortiseError('no_such_object', 'the original is gone')
        if (object && isCurrent(object, plan, original?.etag, strict)) return object
        await object?.[Symbol.asyncDispose]()
        return null
      } catch (error) {
        await object?.[Symbol.asyncDispose]()
        throw error
      }
    },
  }
}

/**
 * `original`: the version that it has to be made from; absent: whichever it was. `strict`: one that does not say from
 * which is none.
 */
export function isCurrent({ info }: StoredObject, plan: Plan, original?: string, strict = false): boolean {
  const record = readRecord(info)
  return (
    isWhole(info) &&
    (record.plan === undefined || record.plan === plan.id) &&
    (original === undefined || record.original === original || (record.original === undefined && !strict))
  )
}
