export type Write = {
  key: string
  value: readonly Uint8Array[]
  bytes: number
  /** Milliseconds since the epoch: the value is worth nothing afterwards. */
  until: number
  /** Set when the key was deleted meanwhile. */
  withdrawn: boolean
}

export type WriteQueue = {
  readonly waiting: number
  readonly waitingBytes: number
  /** Takes a value that will be written, in place of one with the same key that still waits. `false`: there is no room. */
  add(write: Omit<Write, 'withdrawn'>): boolean
  /** What was taken for this key and is not written yet will not be. */
  withdraw(key: string): void
  /** Drops what waits; resolves when the writes in hand have ended. */
  close(): Promise<void>
}

export type WriteQueueOptions = {
  maxWaiting: number
  maxBytes: number
  /** Writes at one time. */
  concurrency: number
  /** Never rejects, and ends in a bounded time. */
  write(write: Write): Promise<void>
}

/** Writes in the background, in the order of arrival, with a bound on everything that waits. */
export function createWriteQueue({ maxWaiting, maxBytes, concurrency, write }: WriteQueueOptions): WriteQueue {
  const waiting = new Map<string, Write>()
  const running = new Map<Write, Promise<void>>()
  let bytes = 0
  let closed = false

  function remove(key: string): Write | undefined {
    const found = waiting.get(key)
    if (!found) return undefined
    waiting.delete(key)
    bytes -= found.bytes
    return found
  }

  function start() {
    while (running.size < concurrency) {
      const [next] = waiting.keys()
      const entry = next === undefined ? undefined : remove(next)
      if (!entry) return
      const done = write(entry).finally(() => {
        running.delete(entry)
        start()
      })
      running.set(entry, done)
    }
  }

  return {
    get waiting() {
      return waiting.size
    },
    get waitingBytes() {
      return bytes
    },
    add(entry) {
      remove(entry.key)
      if (closed || waiting.size >= maxWaiting || bytes + entry.bytes > maxBytes) return false
      waiting.set(entry.key, { ...entry, withdrawn: false })
      bytes += entry.bytes
      start()
      return true
    },
    withdraw(key) {
      remove(key)
      for (const entry of running.keys()) if (entry.key === key) entry.withdrawn = true
    },
    async close() {
      closed = true
      waiting.clear()
      bytes = 0
      await Promise.all(running.values())
    },
  }
}
