/** Requests that are read although nobody has proven anything yet. */
export type Strangers = {
  /**
   * Lets one in until it is disposed of. When there are too many, the one that has been here for longest without proving
   * anything is told to go: those who come to prove something need a moment, and those who hold a place need all of it.
   */
  enter(leave: () => void): Disposable
  readonly count: number
}

export function createStrangers(limit: number): Strangers {
  const inside = new Set<{ leave: () => void }>()
  return {
    enter(leave) {
      const [oldest] = inside
      if (oldest && inside.size >= limit) {
        inside.delete(oldest)
        oldest.leave()
      }
      const place = { leave }
      inside.add(place)
      return { [Symbol.dispose]: () => void inside.delete(place) }
    },
    get count() {
      return inside.size
    },
  }
}
