import { MortiseError } from '@mortise/errors'

/** Gives a place back. Idempotent. */
export type Release = () => void

/**
 * So many may be in at one time; the others wait in a row, for `waitMs` at most (`storage_unavailable`) and as long as
 * their signal allows.
 */
export function createSlots(count: number, waitMs: number): (signal: AbortSignal) => Promise<Release> {
  const waiting = new Set<() => void>()
  let free = count

  const take = (): Release => {
    free -= 1
    let taken = true
    return () => {
      if (!taken) return
      taken = false
      free += 1
      const [first] = waiting
      first?.()
    }
  }

  return signal =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (free > 0) return resolve(take())
      const leave = () => {
        clearTimeout(timer)
        waiting.delete(enter)
        signal.removeEventListener('abort', onAbort)
      }
      const enter = () => {
        leave()
        resolve(take())
      }
      const onAbort = () => {
        leave()
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        leave()
        reject(new MortiseError('storage_unavailable', `all ${count} places were taken for ${waitMs} ms`))
      }, waitMs)
      waiting.add(enter)
      signal.addEventListener('abort', onAbort, { once: true })
    })
}
