import type { DeriveAll } from '@mortise/derive'
import { MortiseError, toFailure } from '@mortise/errors'
import type { Consumer } from '@mortise/queue'
import type { Batch, BatchContext, BatchOutcome, BatchQueue } from '@mortise/queue/batches'
import type { Log, Metrics } from '@mortise/telemetry'
import type { Suspects } from './suspects.ts'

export type BatchWorkerDeps = {
  batches: BatchQueue
  deriveAll: DeriveAll
  /** Originals in hand at one time. */
  concurrency: number
  suspects: Suspects
  log: Log
  metrics: Metrics
}

/** Takes batches from the queue until it is closed. What may pass is thrown, for the queue to try again. */
export function startBatchWorker(deps: BatchWorkerDeps): Promise<Consumer> {
  return deps.batches.consume((batch, context) => work(deps, batch, context), { concurrency: deps.concurrency })
}

async function work(deps: BatchWorkerDeps, batch: Batch, { signal }: BatchContext): Promise<BatchOutcome> {
  const { deriveAll, suspects, metrics, log } = deps
  const { bucket, key } = batch.original
  // Its renders follow one another, so what it stands for is all of them.
  const name = batch.plans[0]?.id ?? ''
  const end = suspects.begin(name)
  try {
    suspects.check(name)
    const outcome = await deriveAll(batch, { signal })
    end('made')
    metrics.pregenerated.inc({ outcome: 'made' }, outcome.made)
    // Not everything that is uploaded is a picture.
    const failures = outcome.failures.filter(({ failure }) => failure.code !== 'no_such_object')
    metrics.pregenerated.inc({ outcome: 'failed' }, failures.length)
    const without = outcome.failures.length - failures.length
    metrics.pregenerated.inc({ outcome: 'skipped' }, outcome.skipped + without)
    if (outcome.dropped) metrics.pregenerated.inc({ outcome: 'dropped' })
    for (const { plan, failure } of failures) {
      log.info({ plan, bucket, key, code: failure.code, reason: failure.message }, 'not made ahead of time')
    }
    return outcome
  } catch (error) {
    end(signal.aborted ? 'abandoned' : 'failed')
    if (signal.aborted) throw signal.reason
    const { code, message } = toFailure(error)
    if (error instanceof MortiseError && code !== 'internal')
      log.info({ bucket, key, code, reason: message }, 'batch failed')
    else log.error({ bucket, key, err: error }, 'batch failed')
    if (!(error instanceof MortiseError && error.retry))
      metrics.pregenerated.inc({ outcome: 'failed' }, batch.plans.length)
    throw error
  }
}
