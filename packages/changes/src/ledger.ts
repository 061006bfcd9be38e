import type { Changes } from './changes.ts'

/** That what is in this slot has changed for the n-th time. */
export type Entry = readonly [slot: number, count: number]

/** Counts that belong together: what was counted in one epoch says nothing in another. */
export type Counted = { epoch: string; entries: Iterable<Entry> }

/** What this process knows of changes: two numbers a slot, however many objects there are. */
export type Ledger = Pick<Changes, 'mark' | 'isRecent'> & {
  readonly epoch: string
  /** Changes of this epoch that it knows of. */
  readonly known: number
  /** One more, which nobody else has counted. */
  bump(slot: number): void
  /**
   * Some counts. A lower one than is known comes late and says nothing new. `false`, and nothing noted, when they are of
   * another epoch: then all of that are to be adopted first.
   */
  note(counted: Counted): boolean
  /** All counts. Of another epoch: nobody knows what has changed between the two, so everything is outdated. */
  adopt(counted: Counted): void
}

export const slotCount = 65_536

/** Above it, the halves that {@link Ledger.bump} counts in could be lost. */
export const maxCount = 2 ** 32

/** Milliseconds; longer than a request waits or a job takes. */
const recentMs = 15 * 60_000

/** `epoch`: until the first one is adopted. Nobody else must have it who counts for himself. */
export function createLedger(now: () => number, epoch = ''): Ledger {
  const counts = new Float64Array(slotCount)
  const notedAt = new Float64Array(slotCount).fill(Number.NEGATIVE_INFINITY)
  let generation = 0
  let known = 0
  let allNotedAt = Number.NEGATIVE_INFINITY

  function set(slot: number, count: number) {
    known += Math.floor(count) - Math.floor(counts[slot]!)
    counts[slot] = count
    notedAt[slot] = now()
  }

  function note(entries: Iterable<Entry>) {
    for (const [slot, count] of entries) if (count > counts[slot]!) set(slot, count)
  }

  return {
    get epoch() {
      return epoch
    },
    get known() {
      return known
    },
    // Below the next whole number, which somebody else may count to.
    bump: slot => set(slot, counts[slot]! + 2 ** -20),
    note(counted) {
      if (counted.epoch !== epoch) return false
      note(counted.entries)
      return true
    },
    adopt(counted) {
      if (counted.epoch !== epoch) {
        // At the first one, the counts themselves tell what has changed.
        if (generation > 0) allNotedAt = now()
        epoch = counted.epoch
        generation++
        known = 0
        counts.fill(0)
      }
      note(counted.entries)
    },
    mark(key) {
      const slot = slotOf(key)
      const count = counts[slot]!
      const born = generation
      return { stamp: `${epoch}-${count}`, isCurrent: () => counts[slot] === count && generation === born }
    },
    isRecent: key => now() - Math.max(allNotedAt, notedAt[slotOf(key)]!) < recentMs,
  }
}

/** FNV-1a over the last segment, folded. */
export function slotOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = key.lastIndexOf('/') + 1; at < key.length; at++) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  }
  return (hash ^ (hash >>> 16)) & (slotCount - 1)
}
