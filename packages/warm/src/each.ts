/**
 * Works on what is coming, at most `atOnce` at one time. Nothing more is taken when the first has failed; rejects with its
 * error when all have ended. `abort` is called at once, for the others to end soon.
 */
export async function each<T>(
  items: AsyncIterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
  abort: (error: unknown) => void,
): Promise<void> {
  const running = new Set<Promise<void>>()
  let failed: { error: unknown } | undefined
  const fail = (error: unknown) => {
    if (failed) return
    failed = { error }
    abort(error)
  }
  try {
    for await (const item of items) {
      const one: Promise<void> = work(item)
        .catch(fail)
        .finally(() => running.delete(one))
      running.add(one)
      if (running.size >= atOnce) await Promise.race(running)
      if (failed) break
    }
  } catch (error) {
    fail(error)
  }
  await Promise.all(running)
  if (failed) throw failed.error
}
