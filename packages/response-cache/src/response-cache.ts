/**
 * Responses that all gateways share: values by key, which the backend forgets after their time, or earlier when it has
 * no room. It may always be away, and is then as if it were empty; nobody waits for it for long, or twice.
 */
export type SharedCache = AsyncDisposable & {
  /** The value, shared and never to be written to. `null` when there is none, or none to be had in time. Never rejects. */
  get(key: string): Promise<Uint8Array | null>
  /**
   * Keeps a value for `seconds`, later: this returns at once, and drops the value when too much is waiting to be written
   * already. The chunks are joined when they are written; until then nobody may write to them.
   */
  set(key: string, value: readonly Uint8Array[], seconds: number): void
  /** Once it resolves, no value that was set before is found. Rejects with `storage_unavailable` when nobody can tell. */
  delete(key: string): Promise<void>
  /** Throws `storage_unavailable` when the backend cannot be used now; for readiness. */
  ping(signal: AbortSignal): Promise<void>
  stats(): SharedCacheStats
}

export type SharedCacheStats = {
  /** Values that wait to be written. */
  waiting: number
  /** Their bytes. */
  waitingBytes: number
}

/**
 * What became of a call. `skipped`: not tried, because the backend failed shortly before or there was no room to read.
 * `dropped`: a write for which there was no room, or no time any more.
 */
export type SharedCacheEvent = 'written' | 'dropped' | 'failed' | 'skipped'
