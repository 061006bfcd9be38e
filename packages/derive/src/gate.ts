import { limitTime } from '@mortise/async'
import { MortiseError } from '@mortise/errors'

export type GateOptions = {
  /** What can be inside at one time. */
  slots: number
  /** Milliseconds that one call to a storage may take. */
  timeout: number
  /** Milliseconds since some fixed point. */
  now(): number
}

export type Gate = {
  /**
   * Waits for a slot, in the order of arrival; the slot is held until it is disposed. Rejects with `signal.reason`, and
   * with `storage_unavailable` when this storage is stalled, which is looked at again when the turn has come.
   */
  enter(storage: string, signal: AbortSignal): Promise<Disposable>
  /** Runs a call to a storage under a time limit; `storage_unavailable` when it is over. For who is inside. */
  call<T>(storage: string, signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T>
}

/** A call that takes so long (ms) is slow. */
export const slowAfter = 1000

/**
 * Bounds what is in memory because of storages, and keeps one slow storage from holding every slot: half of them it may
 * hold for the whole time limit; beyond those a call must be done before it counts as slow; and while the storage is
 * stalled, nothing more of it is let in. A storage that answers in time may use all slots.
 */
export function createGate({ slots, timeout, now }: GateOptions): Gate {
  const half = Math.max(1, Math.floor(slots / 2))
  const calls = new Map<string, Set<{ since: number }>>()
  const queue: (() => void)[] = []
  let free = slots

  const stalled = (storage: string) => {
    const running = calls.get(storage)
    if (!running || running.size < half) return false
    const [oldest] = running
    return oldest !== undefined && now() - oldest.since >= slowAfter
  }

  const leave = () => {
    const next = queue.shift()
    if (next) next()
    else free++
  }

  return {
    async enter(storage, signal) {
      signal.throwIfAborted()
      if (stalled(storage)) throw refusal(storage, 'stalled')
      if (free > 0) free--
      else await waitForTurn(queue, signal)
      // It may have become so while this one stood in line.
      if (stalled(storage)) {
        leave()
        throw refusal(storage, 'stalled')
      }
      let held = true
      return {
        [Symbol.dispose]() {
          if (held) leave()
          held = false
        },
      }
    },

    async call(storage, signal, run) {
      const running = calls.get(storage) ?? new Set()
      calls.set(storage, running)
      const call = { since: now() }
      const limit = running.size < half ? timeout : Math.min(slowAfter, timeout)
      running.add(call)
      try {
        return await limitTime(limit, signal, run, () => refusal(storage, 'no answer in time'))
      } finally {
        running.delete(call)
        if (running.size === 0) calls.delete(storage)
      }
    },
  }
}

function refusal(storage: string, reason: string): MortiseError {
  return new MortiseError('storage_unavailable', `${storage}: ${reason}`, { retryAfter: 1 })
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
