import { setTimeout as delay } from 'node:timers/promises'
import { MortiseError } from '@mortise/errors'

/** How long one goes on with what fails, and may pass. */
export type Patience = Disposable & {
  /** Aborted, with `timed_out`, when nothing has gone well for so long that nothing will. */
  readonly signal: AbortSignal
  /** Calls again and again while it fails with what may pass, and something has gone well not long ago. */
  try<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T>
}

export type PatienceOptions = {
  /** Milliseconds since some fixed point. */
  now(): number
  /** ms without anything that went well: after which a failure is the end, and after which the silence is. */
  failingMs?: number
  idleMs?: number
}

/** ms: the first pause, doubled up to the longest. */
const pauseMs = 250
const maxPauseMs = 10_000

/** Of everything that is tried together: that one goes well tells that the others may. */
export function createPatience({ now, failingMs = 15 * 60_000, idleMs = 6 * 3_600_000 }: PatienceOptions): Patience {
  const idle = new AbortController()
  let good = now()
  const watch = setInterval(
    () => {
      if (now() - good < idleMs) return
      idle.abort(new MortiseError('timed_out', `nothing has ended for ${idleMs / 60_000} minutes`))
    },
    Math.min(idleMs, 60_000),
  )
  watch.unref()

  return {
    signal: idle.signal,
    async try(call, signal) {
      for (let pause = pauseMs; ; pause = Math.min(pause * 2, maxPauseMs)) {
        signal.throwIfAborted()
        try {
          const result = await call()
          good = now()
          return result
        } catch (error) {
          signal.throwIfAborted()
          if (!(error instanceof MortiseError && error.retry) || now() - good > failingMs) throw error
          const askedMs = Math.min((error.retryAfter ?? 0) * 1000, maxPauseMs)
          // `delay` rejects with an error of its own.
          await delay(Math.max(pause, askedMs), undefined, { signal }).catch(() => signal.throwIfAborted())
        }
      }
    },
    [Symbol.dispose]() {
      clearInterval(watch)
    },
  }
}
