/** Shares of something there is only so much of. They are given in the order in which they were asked for. */
export type Budget = {
  readonly used: number
  readonly waiting: number
  /**
   * Waits for `weight` (never more than the capacity; the caller sees to it) and resolves with what gives it back, once.
   * Rejects with `signal.reason`, or with the reason of {@link close}.
   */
  take(weight: number, signal: AbortSignal): Promise<() => void>
  /** Rejects everybody who waits, and everybody who comes. */
  close(reason: Error): void
}

type Waiter = { weight: number; grant(): void; refuse(reason: unknown): void }

export function createBudget(capacity: number): Budget {
  const waiters = new Set<Waiter>()
  let used = 0
  let closed: Error | null = null

  function grantWhatFits() {
    // Only the first in line: a small one that overtakes for ever would starve a large one.
    for (const waiter of waiters) {
      if (used + waiter.weight > capacity) return
      waiters.delete(waiter)
      used += waiter.weight
      waiter.grant()
    }
  }

  function giveBackOnce(weight: number) {
    let given = false
    return () => {
      if (given) return
      given = true
      used -= weight
      grantWhatFits()
    }
  }

  function take(weight: number, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) return Promise.reject(signal.reason)
    if (closed) return Promise.reject(closed)
    const { promise, resolve, reject } = Promise.withResolvers<() => void>()
    const leave = () => {
      waiters.delete(waiter)
      reject(signal.reason)
      grantWhatFits()
    }
    const waiter: Waiter = {
      weight,
      grant: () => {
        signal.removeEventListener('abort', leave)
        resolve(giveBackOnce(weight))
      },
      refuse: reason => {
        signal.removeEventListener('abort', leave)
        reject(reason)
      },
    }
    signal.addEventListener('abort', leave, { once: true })
    waiters.add(waiter)
    grantWhatFits()
    return promise
  }

  return {
    get used() {
      return used
    },
    get waiting() {
      return waiters.size
    },
    take,
    close(reason) {
      closed ??= reason
      for (const waiter of waiters) waiter.refuse(reason)
      waiters.clear()
    },
  }
}
