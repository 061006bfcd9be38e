import { untilAborted } from '@mortise/async'
import { MortiseError } from '@mortise/errors'

/** Watches native work, which nothing can end. */
export type Guard = {
  /**
   * Whoever asked may leave, and `leave` is called; `giveBack` is called when the work has ended, because it goes on.
   * Rejects with `signal.reason`, with `timed_out` after the hard limit, and as the work does.
   */
  watch<T>(work: Promise<T>, signal: AbortSignal, ends: { leave?(): void; giveBack(): void }): Promise<T>
  /** Waits for all work, `graceMs` at most and not for what is past the hard limit. `false`: some of it goes on. */
  settle(graceMs: number): Promise<boolean>
}

/** `onStuck` is called once, when some work has not ended within `hardLimit` ms. */
export function createGuard(hardLimit: number, onStuck: () => void): Guard {
  const running = new Set<Promise<void>>()
  const stuck = new AbortController()

  function getStuck() {
    if (stuck.signal.aborted) return
    stuck.abort()
    onStuck()
  }

  return {
    watch<T>(work: Promise<T>, signal: AbortSignal, ends: { leave?(): void; giveBack(): void }) {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const leave = () => {
        ends.leave?.()
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        reject(new MortiseError('timed_out', `not rendered within ${hardLimit / 1000} s`))
        getStuck()
      }, hardLimit)
      signal.addEventListener('abort', leave, { once: true })
      if (signal.aborted) leave()
      const ended = work.then(resolve, reject).finally(() => {
        clearTimeout(timer)
        signal.removeEventListener('abort', leave)
        running.delete(ended)
        ends.giveBack()
      })
      running.add(ended)
      return promise
    },

    settle(graceMs) {
      const patience = AbortSignal.any([stuck.signal, AbortSignal.timeout(graceMs)])
      return untilAborted(Promise.all(running), patience).then(
        () => true,
        () => false,
      )
    },
  }
}
