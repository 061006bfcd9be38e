import { createLedger, slotOf } from './ledger.ts'

/** An object as it was when somebody began to read it. */
export type Mark = {
  /** No object that this may be was written or deleted since. */
  isCurrent(): boolean
  /** Differs between versions, and is the same in every process that shares the changes. */
  readonly stamp: string
}

/**
 * Which originals have changed. All processes that work on the same objects share it, so that none of them goes on with
 * what it has read, made or kept before.
 *
 * Objects are known by the last segment of their keys: that is what stays the same when two storages with different
 * prefixes hold one object. Two that share a slot make each other's copies be read again, and that is all.
 */
export type Changes = AsyncDisposable & {
  mark(key: string): Mark
  /** It changed not long ago: less than any request waits or a job takes. */
  isRecent(key: string): boolean
  /**
   * The object was written or deleted. When it resolves, every process that can be reached takes what it has of it for
   * outdated; one that cannot learns of it when it is back. Never rejects.
   */
  announce(key: string): Promise<void>
}

/** For one process. `now`: milliseconds since the epoch. */
export function createLocalChanges(now: () => number): Changes {
  const { bump, mark, isRecent } = createLedger(now)
  return {
    mark,
    isRecent,
    announce: async key => bump(slotOf(key)),
    async [Symbol.asyncDispose]() {},
  }
}
