import { MortiseError, messageOf } from '@mortise/errors'
import { groupByOriginal, type Location, type Planner } from '@mortise/plan'
import type { BatchQueue } from '@mortise/queue/batches'
import { createSeldom, type Log, type Metrics } from '@mortise/telemetry'

export type PregenerateDeps = {
  planner: Pick<Planner, 'pregenerated'>
  batches: Pick<BatchQueue, 'add'>
  log: Pick<Log, 'warn' | 'error'>
  metrics: Pick<Metrics, 'batches'>
  /** Milliseconds since some fixed point. */
  now(): number
}

/** Milliseconds between two lines about the same. */
const logEveryMs = 10_000

/**
 * Gives the function that queues the derivatives that an object is to have (`buckets.*.pregenerate`). It never rejects:
 * what is not made ahead is made for the first who asks.
 */
export function createPregenerate({ planner, batches, log, metrics, now }: PregenerateDeps) {
  const seldom = createSeldom({ periodMs: logEveryMs, now })

  function fail(object: Location, error: unknown): void {
    const code = error instanceof MortiseError ? error.code : 'internal'
    metrics.batches.inc({ outcome: code })
    const facts = { bucket: object.bucket, key: object.key, code }
    if (code === 'internal') log.error({ ...facts, err: error }, 'not queued')
    else seldom(code, more => log.warn({ ...facts, reason: messageOf(error), ...more }, 'not queued'))
  }

  return async (object: Location): Promise<void> => {
    try {
      for (const batch of groupByOriginal(planner.pregenerated(object))) {
        await batches.add(batch)
        metrics.batches.inc({ outcome: 'queued' })
      }
    } catch (error) {
      fail(object, error)
    }
  }
}
