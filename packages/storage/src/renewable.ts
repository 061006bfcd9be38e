import { setTimeout as delay } from 'node:timers/promises'
import { MortiseError } from '@mortise/errors'
import { unlessAborted } from './abort.ts'
import { asError } from './body.ts'

/** A thing that many share, made when it is first needed and again when it has gone bad: a connection, a token. */
export type Renewable<T> = {
  /** Throws what making it throws, `storage_unavailable` in a long pause after failures, and `signal.reason`. */
  get(signal: AbortSignal): Promise<T>
  /** It has gone bad: the next `get` makes another. What is not the latest is passed over. */
  drop(value: T): void
  /** The latest, when there is one or one is being made. No other is made from now on. */
  close(): Promise<T | null>
}

/**
 * At most one is made at a time. After a failure none is made for a while: 0.1 s, then twice as long each time up to
 * 10 s. Calls wait for half a second of that at most; where it is longer they fail at once with the reason. One that
 * went bad within a second counts as a failure.
 * `make` has a time limit of its own; its signal is aborted by `close`.
 */
export function createRenewable<T>(name: string, make: (signal: AbortSignal) => Promise<T>): Renewable<T> {
  let latest: { making: Promise<T>; value?: T; madeAt: number } | null = null
  let failures = 0
  let notBefore = 0
  let reason: unknown
  const closing = new AbortController()

  function fail(error: unknown): void {
    reason = error
    failures += 1
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1))
    notBefore = performance.now() + pause * (0.5 + Math.random() / 2)
  }

  async function renew(entry: { value?: T; madeAt: number }): Promise<T> {
    try {
      entry.value = await make(closing.signal)
      entry.madeAt = performance.now()
      return entry.value
    } catch (error) {
      latest = null
      fail(error)
      throw error
    }
  }

  async function pause(signal: AbortSignal): Promise<void> {
    const leftMs = notBefore - performance.now()
    if (leftMs > longestWaitMs) {
      const why = asError(reason).message
      throw new MortiseError('storage_unavailable', `${name}: failed a moment ago: ${why}`, { cause: reason })
    }
    if (leftMs > 0) await unlessAborted(signal, delay(leftMs))
  }

  return {
    async get(signal) {
      signal.throwIfAborted()
      if (!latest) await pause(signal)
      if (closing.signal.aborted) throw new MortiseError('storage_unavailable', `${name}: the storage is closed`)
      // Somebody else may have begun during the pause.
      if (!latest) {
        const entry = { madeAt: 0 }
        latest = Object.assign(entry, { making: renew(entry) })
        // Whoever waits may have left.
        latest.making.catch(() => {})
      }
      return unlessAborted(signal, latest.making)
    },
    drop(value) {
      if (latest?.value !== value) return
      const lived = performance.now() - latest.madeAt
      latest = null
      if (lived < soonMs) fail(new Error('it went bad at once'))
      else failures = 0
    },
    async close() {
      closing.abort(new Error('the storage is closed'))
      return (await latest?.making.catch(() => null)) ?? null
    },
  }
}

const firstPauseMs = 100
const longestPauseMs = 10_000
const longestWaitMs = 500
const soonMs = 1_000
