/** Things that are due at some time, with one timer for all of them. */
export type Alarms<T> = {
  /** `at` in milliseconds since the epoch. One item can be set for several times; each rings. */
  set(item: T, at: number): void
  /** Takes back what was set for exactly this time. Does nothing when it has rung. */
  clear(item: T, at: number): void
}

/** Rings up to this many milliseconds late: items within it share a slot, so that set and clear cost the same for any number. */
const grain = 10
const longestTimer = 2 ** 31 - 1

/** Holds a timer only while something is set, so it needs no close. `ring` must not throw. */
export function createAlarms<T>(ring: (item: T) => void): Alarms<T> {
  const slots = new Map<number, Set<T>>()
  let timer: NodeJS.Timeout | undefined
  let armedFor = Number.POSITIVE_INFINITY

  function arm(slot: number) {
    clearTimeout(timer)
    armedFor = slot
    timer = setTimeout(fire, Math.min(Math.max(slot * grain - Date.now(), 0), longestTimer))
  }

  function disarm() {
    clearTimeout(timer)
    timer = undefined
    armedFor = Number.POSITIVE_INFINITY
  }

  function fire() {
    disarm()
    const now = Date.now()
    const due = [...slots].filter(([slot]) => slot * grain <= now)
    for (const [slot] of due) slots.delete(slot)
    for (const [, items] of due) for (const item of items) ring(item)
    if (slots.size === 0) return
    const nearest = [...slots.keys()].reduce((a, b) => Math.min(a, b))
    if (nearest < armedFor) arm(nearest)
  }

  return {
    set(item, at) {
      const slot = slotOf(at)
      const items = slots.get(slot)
      if (items) items.add(item)
      else slots.set(slot, new Set([item]))
      if (slot < armedFor) arm(slot)
    },
    clear(item, at) {
      const slot = slotOf(at)
      const items = slots.get(slot)
      if (!items?.delete(item) || items.size > 0) return
      slots.delete(slot)
      if (slots.size === 0) disarm()
    },
  }
}

function slotOf(at: number): number {
  return Math.ceil(at / grain)
}
