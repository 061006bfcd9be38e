/** Where a worker's jobs run: together, or one of them alone. */
export type Floor = {
  /** Whether `share` lets in at once. */
  readonly open: boolean
  /** Waits until nobody runs alone or has asked to. Disposing leaves. */
  share(): Promise<Disposable>
  /** Waits until nobody runs, and keeps others out. */
  alone(): Promise<Disposable>
}

/** In order of arrival. What waits is bounded by the jobs that a worker has in hand. */
export function createFloor(): Floor {
  const line: { alone: boolean; enter: () => void }[] = []
  let inside = 0
  let taken = false

  function admit() {
    for (let next = line[0]; next && !taken && !(next.alone && inside > 0); next = line[0]) {
      line.shift()
      inside++
      taken = next.alone
      next.enter()
    }
  }

  function leave() {
    inside--
    taken = false
    admit()
  }

  function ask(alone: boolean): Promise<Disposable> {
    const { promise, resolve } = Promise.withResolvers<Disposable>()
    line.push({ alone, enter: () => resolve({ [Symbol.dispose]: leave }) })
    admit()
    return promise
  }

  return {
    get open() {
      return line.length === 0 && !taken
    },
    share: () => ask(false),
    alone: () => ask(true),
  }
}
