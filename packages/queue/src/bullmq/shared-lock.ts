/** A lock that many hold together, or one alone. */
export type SharedLock = {
  /** Whether `shared` is granted at once. */
  readonly free: boolean
  /** Waits until nobody holds it alone or has asked to. Disposing gives it back. */
  shared(): Promise<Disposable>
  /** Waits until nobody holds it, and keeps others out. */
  exclusive(): Promise<Disposable>
}

/** Granted in order of arrival. What waits is bounded by the jobs that a worker has in hand. */
export function createSharedLock(): SharedLock {
  const waiting: { exclusive: boolean; grant: () => void }[] = []
  let holders = 0
  let taken = false

  function grant() {
    for (let next = waiting[0]; next && !taken && !(next.exclusive && holders > 0); next = waiting[0]) {
      waiting.shift()
      holders++
      taken = next.exclusive
      next.grant()
    }
  }

  function release() {
    holders--
    taken = false
    grant()
  }

  function ask(exclusive: boolean): Promise<Disposable> {
    const { promise, resolve } = Promise.withResolvers<Disposable>()
    waiting.push({ exclusive, grant: () => resolve({ [Symbol.dispose]: release }) })
    grant()
    return promise
  }

  return {
    get free() {
      return waiting.length === 0 && !taken
    },
    shared: () => ask(false),
    exclusive: () => ask(true),
  }
}
