import { setTimeout as delay } from 'node:timers/promises'

export type ReachOptions = {
  /** Resolves when the other side answers. */
  ping(signal: AbortSignal): Promise<void>
  /** It has not answered for a while; called again and again. */
  onLate(error: unknown): void
  /** It answers. `late`: somebody was told that it did not. */
  onReached(late: boolean): void
  signal: AbortSignal
  /** Milliseconds until the first complaint. */
  firstMs?: number
}

/** Milliseconds from one complaint to the next. */
const againMs = 60_000
/** Between two attempts, and for one of them. */
const pauseMs = 250
const pingMs = 2_000

/** Tries until the other side answers or the signal is aborted. Never rejects; resolves at the first complaint at the latest. */
export function reach({ ping, onLate, onReached, signal, firstMs = 3_000 }: ReachOptions): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let complainAt = Date.now() + firstMs
  let late = false

  async function attempt() {
    try {
      await ping(AbortSignal.any([signal, AbortSignal.timeout(pingMs)]))
      onReached(late)
      return true
    } catch (error) {
      if (signal.aborted || Date.now() < complainAt) return signal.aborted
      onLate(error)
      late = true
      complainAt = Date.now() + againMs
      resolve()
      return false
    }
  }

  async function go() {
    while (!(await attempt())) await delay(pauseMs, undefined, { signal }).catch(() => undefined)
    resolve()
  }
  void go()
  return promise
}
