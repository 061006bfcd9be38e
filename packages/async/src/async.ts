/** Waits for `done`, `ms` at most; tells whether it was done by then. Rejects as `done` does. What it waits for goes on. */
export async function within(done: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(resolve, ms, false)
  try {
    return await Promise.race([done.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

/** The value of `done`, unless the signal is aborted first: then it rejects with `signal.reason`, and `done` goes on. */
export async function untilAborted<T>(done: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([aborted, done])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Runs a call under a signal that is aborted with `signal`, or after `ms`. What it rejects with after `ms` is told as
 * `late()`, unless `signal` was aborted as well; whatever else it rejects with is its own. A call that ignores its signal
 * is not cut short.
 */
export async function limitTime<T>(
  ms: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
  late: () => Error,
): Promise<T> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(late()), ms)
  try {
    return await call(AbortSignal.any([signal, limit.signal]))
  } catch (error) {
    throw limit.signal.aborted && !signal.aborted ? limit.signal.reason : error
  } finally {
    clearTimeout(timer)
  }
}
