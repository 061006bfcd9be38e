import { MortiseError } from '@mortise/errors'
import { type Location, type Plan, planFor } from '@mortise/plan'
import type { JobQueue } from '@mortise/queue'
import { LRUCache } from 'lru-cache'

/** The image that is sent instead of some errors. */
export type Placeholder = {
  bytes: Uint8Array
  contentType: string
  /** Where a worker finds it as an original. */
  original: Location
  /** Where what is made of it would be stored. Nothing need be kept there: a result that comes back is kept here. */
  derivative: Location
}

export type StandIn = {
  /** Shared: nobody may write to it. */
  bytes: Uint8Array
  contentType: string
  /** It has the transforms that were asked for. */
  transformed: boolean
}

export type Placeholders = {
  /** Whether a placeholder is sent instead of this error. */
  replaces(error: unknown): boolean
  /** What is sent now for this plan: the image as it is, or what was made of it in the meantime. */
  standIn(plan: Plan): StandIn
}

export type PlaceholdersDeps = {
  placeholder: Placeholder
  queue: JobQueue
  /** Milliseconds that one may take to be made. */
  timeout: number
  /** Milliseconds since the epoch. */
  now(): number
}

/**
 * As in mort: time-outs, overload, and storages of originals that fail or have them in an archive. Not what a client did wrong, and not what is
 * not there.
 */
const replaced = new Set(['timed_out', 'overloaded', 'queue_unavailable', 'storage_unavailable', 'archived'])

/** Bytes of transformed placeholders. */
const maxBytes = 16 * 1024 * 1024

/** Jobs at one time. */
const maxMaking = 2

/** Milliseconds after which is tried again what failed, and what the queue did not take. */
const restMs = { failed: 30_000, refused: 1000 }

/**
 * Placeholders with the transforms of the derivatives that they stand for: made by the queue, in the background, one job
 * for each at a time. Errors come in storms, so what is beyond the limits is not made now; a later error asks again.
 */
export function createPlaceholders({ placeholder, queue, timeout, now }: PlaceholdersDeps): Placeholders {
  const { bytes, contentType, original, derivative } = placeholder
  const raw: StandIn = { bytes, contentType, transformed: false }
  const made = new LRUCache<string, StandIn>({
    maxSize: maxBytes,
    sizeCalculation: ({ bytes }) => bytes.byteLength + 512,
  })
  const resting = new LRUCache<string, true>({ max: 1000, ttl: restMs.failed })
  const making = new Set<string>()
  const never = new AbortController().signal

  async function make(plan: Plan): Promise<void> {
    making.add(plan.id)
    try {
      const outcome = await queue.submit(plan, { lane: 'background', deadline: now() + timeout, signal: never })
      if (outcome.ok && outcome.bytes) {
        made.set(plan.id, { bytes: outcome.bytes, contentType: outcome.derived.contentType, transformed: true })
      } else resting.set(plan.id, true)
    } catch {
      // No queue, or no room in it: the placeholder as it is will do.
      resting.set(plan.id, true, { ttl: restMs.refused })
    } finally {
      making.delete(plan.id)
    }
  }

  return {
    replaces: error => error instanceof MortiseError && replaced.has(error.code),
    standIn(wanted) {
      const plan = planFor(wanted, { original, derivative })
      const found = made.get(plan.id)
      if (found) return found
      if (making.size < maxMaking && !making.has(plan.id) && !resting.has(plan.id)) void make(plan)
      return raw
    },
  }
}
