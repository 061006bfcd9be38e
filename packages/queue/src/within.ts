/** Waits for `done`, but not longer than `ms`; tells whether it was done by then. Rejects as `done` does. */
export async function within(done: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(resolve, ms, false)
  })
  try {
    return await Promise.race([done.then(() => true as const), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits for `done`, but not after the signal is aborted: then it rejects with the reason. */
export async function unlessAborted<T>(done: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([done, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
