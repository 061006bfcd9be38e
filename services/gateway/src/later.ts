import { setImmediate } from 'node:timers/promises'
import { untilAborted, within } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import { LRUCache } from 'lru-cache'

/** Things that are being made for clients who will ask again, each once, however often they ask. */
export type Later<T> = {
  /**
   * Begins to make it, unless that is under way, and waits for it for `waitMs`. `'later'`: it is not there yet, and is
   * made although nobody waits. Rejects with `overloaded` when as many are being made as may be, and with `signal.reason`;
   * `make` must not reject.
   */
  make(id: string, make: () => Promise<T>, options: { waitMs: number; signal: AbortSignal }): Promise<T | 'later'>
  /** Whole seconds after which it is worth to ask again, 1 to 60. */
  secondsUntil(id: string): number
}

export type LaterOptions<T> = {
  /** Things at one time. */
  max: number
  /** Whether the next who asks is to be told this, and not to have it made once more. */
  isFinal(result: T): boolean
  /** Milliseconds from some fixed point. */
  now(): number
}

/** Results that are told to who asks again, and for how long. Milliseconds. */
const maxResults = 1_000
const resultMs = 10_000

/** Milliseconds that something takes, until some have been measured; each new one counts for a tenth. */
const firstGuess = 1_000
const weight = 0.1

export function createLater<T extends object>({ max, isFinal, now }: LaterOptions<T>): Later<T> {
  const pending = new Map<string, { since: number; result: Promise<T> }>()
  const results = new LRUCache<string, T>({ max: maxResults, ttl: resultMs })
  let usualMs = firstGuess

  async function run(id: string, make: () => Promise<T>, since: number): Promise<T> {
    const result = await make()
    pending.delete(id)
    usualMs += weight * (now() - since - usualMs)
    if (isFinal(result)) results.set(id, result)
    return result
  }

  function begin(id: string, make: () => Promise<T>) {
    if (pending.size >= max) {
      throw new MortiseError('overloaded', `${pending.size} are being made for later`, { retryAfter: secondsUntil(id) })
    }
    const since = now()
    const entry = { since, result: run(id, make, since) }
    pending.set(id, entry)
    return entry
  }

  /** Who waits for longest tells how long it takes now, when nothing ends any more. */
  function secondsUntil(id: string): number {
    const [oldest] = pending.values()
    const age = (since: number | undefined) => (since === undefined ? 0 : now() - since)
    const left = Math.max(usualMs, age(oldest?.since)) - age(pending.get(id)?.since)
    return Math.min(Math.max(Math.ceil(left / 1000), 1), 60)
  }

  return {
    secondsUntil,
    async make(id, make, { waitMs, signal }) {
      const known = results.get(id)
      if (known) return known
      const { result } = pending.get(id) ?? begin(id, make)
      // What is refused is refused at once.
      const soon = waitMs > 0 ? within(result, waitMs) : Promise.race([result.then(() => true), setImmediate(false)])
      return (await untilAborted(soon, signal)) ? result : 'later'
    },
  }
}
