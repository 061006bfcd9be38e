import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/** Keys that are counted at one time; those used longest ago are forgotten first. */
const maxCounted = 20_000

/** For how long uses are counted, from the first of them. Milliseconds. */
const countingFor = 3600_000

/** Counts a use of a key, and tells whether it is the n-th or a later one. */
export function createUseCount(minUseCount: number): (key: string) => boolean {
  if (minUseCount < 2) return () => true
  const counts = new LRUCache<string, number>({ max: maxCounted, ttl: countingFor, noUpdateTTL: true })
  return key => {
    // Keys can be long, and most of them never come again.
    const name = hash('sha256', key, 'base64').slice(0, 16)
    const uses = (counts.get(name) ?? 0) + 1
    counts.set(name, uses)
    return uses >= minUseCount
  }
}
