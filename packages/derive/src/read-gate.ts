import { MortiseError } from '@mortise/errors'

export type ReadGateOptions = {
  /** Originals in memory at one time, being read or rendered. */
  slots: number
  /** Milliseconds that a read may take. */
  timeout: number
  /** Milliseconds since some fixed point. */
  now(): number
}

export type ReadGate = {
  /**
   * Waits for a slot, in the order of arrival; the slot is held until it is disposed. Rejects with `signal.reason`, and
   * with `storage_unavailable` when this storage is stalled and already holds its half of the slots.
   */
  enter(storage: string, signal: AbortSignal): Promise<Disposable>
  /** Runs a read under a time limit; `storage_unavailable` when it is over. */
  read<T>(storage: string, signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T>
}

/** A read that takes longer than this is slow. */
const slowAfter = 1000

/**
 * Bounds the originals in memory, and keeps one slow storage from holding every slot: half of them it may hold for the
 * whole time limit; beyond those a read must be done before it counts as slow; and while the storage is stalled, nothing
 * more of it is let in. A storage that answers in time may use all slots.
 */
export function createReadGate({ slots, timeout, now }: ReadGateOptions): ReadGate {
  const half = Math.max(1, Math.floor(slots / 2))
  const reads = new Map<string, Set<{ since: number }>>()
  const queue: (() => void)[] = []
  let free = slots

  const stalled = (storage: string) => {
    const running = reads.get(storage)
    if (!running || running.size < half) return false
    const [oldest] = running
    return oldest !== undefined && now() - oldest.since > slowAfter
  }

  const leave = () => {
    const next = queue.shift()
    if (next) next()
    else free++
  }

  return {
    async enter(storage, signal) {
      signal.throwIfAborted()
      if (stalled(storage)) throw new MortiseError('storage_unavailable', `${storage}: stalled`, { retryAfter: 1 })
      if (free > 0) free--
      else await waitForTurn(queue, signal)
      let held = true
      return {
        [Symbol.dispose]() {
          if (held) leave()
          held = false
        },
      }
    },

    async read(storage, signal, run) {
      const running = reads.get(storage) ?? new Set()
      reads.set(storage, running)
      const read = { since: now() }
      const limit = AbortSignal.timeout(running.size < half ? timeout : Math.min(slowAfter, timeout))
      running.add(read)
      try {
        return await run(AbortSignal.any([signal, limit]))
      } catch (error) {
        if (limit.aborted && !signal.aborted)
          throw new MortiseError('storage_unavailable', `${storage}: read timed out`)
        throw error
      } finally {
        running.delete(read)
        if (running.size === 0) reads.delete(storage)
      }
    },
  }
}

function waitForTurn(queue: (() => void)[], signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const turn = () => {
    signal.removeEventListener('abort', abort)
    resolve()
  }
  const abort = () => {
    queue.splice(queue.indexOf(turn), 1)
    reject(signal.reason)
  }
  queue.push(turn)
  signal.addEventListener('abort', abort, { once: true })
  return promise
}
