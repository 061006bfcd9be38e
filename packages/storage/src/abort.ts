/**
 * The result of `work`, or `signal.reason`. File calls cannot be interrupted, so work that is under way gets a second
 * to notice the signal and tidy up; a disk that hangs longer does not hold the caller.
 */
export function orAbort<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    let timer: NodeJS.Timeout | undefined
    const onAbort = () => {
      timer = setTimeout(() => reject(signal.reason), patienceMs)
    }
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    work().then(
      result => {
        end()
        resolve(result)
      },
      error => {
        end()
        reject(signal.aborted ? signal.reason : error)
      },
    )
  })
}

const patienceMs = 1_000

/** The result of `waited`, or `signal.reason` as soon as the signal is aborted. What was waited for goes on. */
export function unlessAborted<T>(signal: AbortSignal, waited: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
