/** Somebody waits for interactive work. Background work is done ahead, for whoever may ask later. */
export type Lane = 'interactive' | 'background'

/**
 * Shares of something there is only so much of, in the order in which they were asked for. Background work is given
 * some when no interactive work waits.
 */
export type Budget = {
  /** Of both lanes together, and of one. */
  used(lane?: Lane): number
  waiting(lane?: Lane): number
  /**
   * Waits for `weight` (never more than the capacity; the caller sees to it) and resolves with what gives it back, once.
   * Rejects with `signal.reason`, or with the reason of {@link close}.
   */
  take(weight: number, signal: AbortSignal, lane?: Lane): Promise<() => void>
  /**
   * `giveUp` is called, once, when interactive work waits now or later, until the function that is returned is called:
   * for who holds a share that he can do without.
   */
  lend(giveUp: () => void): () => void
  /** Rejects everybody who waits, and everybody who comes. */
  close(reason: Error): void
}

export type BudgetOptions = {
  /** Background work leaves so much alone while there is interactive work, or was a moment ago. Default: nothing. */
  reserve?: number
  /** Milliseconds since some fixed point. */
  now?(): number
}

/** Whoever asks for one thing after the other (ms between them) is not to find everything taken each time. */
const moment = 1000

type Waiter = { weight: number; grant(): void; refuse(reason: unknown): void }

export function createBudget(
  capacity: number,
  { reserve = 0, now = () => performance.now() }: BudgetOptions = {},
): Budget {
  const lanes = {
    interactive: { used: 0, waiters: new Set<Waiter>() },
    background: { used: 0, waiters: new Set<Waiter>() },
  }
  const { interactive, background } = lanes
  const lenders = new Set<() => void>()
  let seen = Number.NEGATIVE_INFINITY
  let closed: Error | null = null

  function room(lane: Lane): number {
    const free = capacity - interactive.used - background.used
    if (lane === 'interactive') return free
    if (interactive.waiters.size > 0) return 0
    const busy = interactive.used > 0 || now() - seen < moment
    // Who is held back by this is let in by the next step of background work that ends: there is always one.
    return busy ? Math.min(free, Math.max(1, capacity - reserve) - background.used) : free
  }

  function grantWhatFits(to: readonly Lane[] = ['interactive', 'background']) {
    for (const lane of to) {
      // Only the first in line: a small one that overtakes for ever would starve a large one.
      for (const waiter of lanes[lane].waiters) {
        if (waiter.weight > room(lane)) break
        lanes[lane].waiters.delete(waiter)
        lanes[lane].used += waiter.weight
        waiter.grant()
      }
    }
    if (interactive.waiters.size === 0) return
    for (const giveUp of [...lenders]) if (lenders.delete(giveUp)) giveUp()
  }

  function giveBackOnce(weight: number, lane: Lane) {
    let given = false
    return () => {
      if (given) return
      given = true
      lanes[lane].used -= weight
      if (lane === 'background') return grantWhatFits()
      seen = now()
      grantWhatFits(['interactive'])
      // Who gave this back may ask for the next one in the same turn.
      setImmediate(grantWhatFits)
    }
  }

  function take(weight: number, signal: AbortSignal, lane: Lane = 'interactive'): Promise<() => void> {
    if (signal.aborted) return Promise.reject(signal.reason)
    if (closed) return Promise.reject(closed)
    const { waiters } = lanes[lane]
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
        resolve(giveBackOnce(weight, lane))
      },
      refuse: reason => {
        signal.removeEventListener('abort', leave)
        reject(reason)
      },
    }
    signal.addEventListener('abort', leave, { once: true })
    if (lane === 'interactive') seen = now()
    waiters.add(waiter)
    grantWhatFits()
    return promise
  }

  const sum = (lane: Lane | undefined, of: (one: (typeof lanes)[Lane]) => number) =>
    lane ? of(lanes[lane]) : of(interactive) + of(background)

  return {
    used: lane => sum(lane, one => one.used),
    waiting: lane => sum(lane, one => one.waiters.size),
    take,
    lend(giveUp) {
      lenders.add(giveUp)
      grantWhatFits()
      return () => void lenders.delete(giveUp)
    },
    close(reason) {
      closed ??= reason
      for (const { waiters } of [interactive, background]) {
        for (const waiter of waiters) waiter.refuse(reason)
        waiters.clear()
      }
    },
  }
}
