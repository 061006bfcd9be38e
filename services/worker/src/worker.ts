import type { Derive } from '@mortise/derive'
import { type ErrorCode, MortiseError, toFailure } from '@mortise/errors'
import type { Consumer, Job, JobContext, JobQueue, Outcome } from '@mortise/queue'
import type { Log, Metrics } from '@mortise/telemetry'
import type { Suspects } from './suspects.ts'

export { createSuspects, type Suspects } from './suspects.ts'

export type WorkerDeps = {
  queue: JobQueue
  derive: Derive
  /** Jobs in hand at one time. */
  concurrency: number
  suspects: Suspects
  log: Log
  metrics: Metrics
}

/**
 * Takes jobs from the queue until it is closed. A bad original ends its job with its own failure; what may pass is
 * thrown, for the queue to try again, unless the waiters have been answered already.
 */
export function startWorker(deps: WorkerDeps): Promise<Consumer> {
  return deps.queue.consume((job, context) => work(deps, job, context), { concurrency: deps.concurrency })
}

async function work(deps: WorkerDeps, { plan, lane }: Job, context: JobContext): Promise<Outcome> {
  const { derive, suspects, log, metrics } = deps
  const { signal } = context
  const end = suspects.begin(plan.id)
  let answered = false
  try {
    suspects.check(plan.id)
    const made = await derive(plan, {
      signal,
      onRendered(derived, bytes) {
        answered = true
        context.answer({ ok: true, derived, bytes })
      },
    })
    end('made')
    metrics.jobs.inc({ outcome: 'ok' })
    return { ok: true, ...made }
  } catch (error) {
    end(signal.aborted ? 'abandoned' : 'failed')
    // Withdrawn, lost to another worker, or handed back: the queue knows which, and what to do.
    if (signal.aborted) throw signal.reason
    const failure = toFailure(error)
    metrics.jobs.inc({ outcome: failure.code })
    const { bucket, key } = plan.original
    logFailure(log, { plan: plan.id, bucket, key, lane, answered, code: failure.code }, error)
    if (!answered && error instanceof MortiseError && error.retry) throw error
    return { ok: false, failure }
  }
}

/** A bug is worth an error with its stack and cause; what originals and storages do is not. */
function logFailure(log: Log, facts: { code: ErrorCode } & Record<string, unknown>, err: unknown): void {
  if (facts.code === 'internal') log.error({ ...facts, err }, 'job failed')
  else log.info({ ...facts, reason: err instanceof Error ? err.message : err }, 'job failed')
}
