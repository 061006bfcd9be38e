/** Runs work of the same name one after the other, in this process. */
export function createTurns(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const latest = new Map<string, Promise<unknown>>()
  return async (name, work) => {
    const before = latest.get(name)
    const mine = (before ?? Promise.resolve()).then(work, work)
    latest.set(name, mine)
    try {
      return await mine
    } finally {
      if (latest.get(name) === mine) latest.delete(name)
    }
  }
}
