import type { Changes } from './changes.ts'

/** That what is in this slot has changed for the n-th time. */
export type Entry = readonly [slot: number, count: number]

/** What this process knows of changes: two numbers a slot, however many objects there are. */
export type Ledger = Pick<Changes, 'mark' | 'isRecent'> & {
  /** One more, which nobody else has counted. */
  bump(slot: number): void
  /** What was counted elsewhere. A lower count than is known comes late and says nothing new. */
  note(entries: Iterable<Entry>): void
  /** Takes over all counts. When they are others than those that are known, everything is outdated. */
  adopt(epoch: string, counts: ReadonlyMap<number, number>): void
}

export const slotCount = 65_536

/** Milliseconds; longer than a request waits or a job takes. */
const recentMs = 15 * 60_000

export function createLedger(now: () => number): Ledger {
  const counts = new Float64Array(slotCount)
  const notedAt = new Float64Array(slotCount).fill(Number.NEGATIVE_INFINITY)
  let epoch = ''
  let generation = 0

  function set(slot: number, count: number) {
    counts[slot] = count
    notedAt[slot] = now()
  }

  return {
    // Below the next whole number, which somebody else may count to.
    bump: slot => set(slot, counts[slot]! + 2 ** -20),
    note(entries) {
      for (const [slot, count] of entries) if (count > counts[slot]!) set(slot, count)
    },
    adopt(newEpoch, all) {
      if (newEpoch !== epoch || counts.some((count, slot) => Math.floor(count) > (all.get(slot) ?? 0))) {
        epoch = newEpoch
        generation++
        counts.fill(0)
      }
      for (const [slot, count] of all) if (count > counts[slot]!) set(slot, count)
    },
    mark(key) {
      const slot = slotOf(key)
      const count = counts[slot]!
      const born = generation
      return { stamp: `${epoch}${count}`, isCurrent: () => counts[slot] === count && generation === born }
    },
    isRecent: key => now() - notedAt[slotOf(key)]! < recentMs,
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
