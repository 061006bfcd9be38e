import { type Failure, fromFailure, MortiseError, toFailure } from '@mortise/errors'
import type { Location, Plan } from '@mortise/plan'
import { LRUCache } from 'lru-cache'

/**
 * Originals that nothing can be made of, by what their storage calls their version, so that a broken or hostile one is
 * not decoded again for every derivative that somebody asks for.
 */
export type Refused = {
  /** Throws again what was thrown for this version of the original. */
  check(original: Location, version: string): void
  /** Remembers an error of a render, if it was about nothing but the original. */
  note(plan: Plan, version: string, error: unknown): void
}

const maxEntries = 10_000
/** ms */
const ttl = 60_000

export function createRefused(now: () => number): Refused {
  const failures = new LRUCache<string, Failure>({ max: maxEntries, ttl, perf: { now }, ttlResolution: 0 })
  return {
    check(original, version) {
      const failure = failures.get(nameOf(original, version))
      if (failure) throw fromFailure(failure)
    },
    note({ original }, version, error) {
      if (!(error instanceof MortiseError) || error.code !== 'undecodable' || version === '') return
      failures.set(nameOf(original, version), toFailure(error))
    },
  }
}

function nameOf({ storage, bucket, key }: Location, version: string): string {
  return JSON.stringify([storage, bucket, key, version])
}
