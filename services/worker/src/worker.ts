import type { Derive } from '@mortise/derive'
import { type ErrorCode, type Failure, MortiseError, toFailure } from '@mortise/errors'
import type { Consumer, Job, JobContext, JobQueue, Outcome } from '@mortise/queue'
import { createSeldom, type Log, type Metrics, type Seldom } from '@mortise/telemetry'
import type { Suspects } from './suspects.ts'

export { type BatchWorkerDeps, startBatchWorker } from './batches.ts'
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

/** Milliseconds between two lines about what cannot be stored. */
const seldomMs = 10_000

/**
 * Takes jobs from the queue until it is closed. A bad original ends its job with its own failure; what may pass is
 * thrown, for the queue to try again, unless the waiters have been answered already.
 */
export function startWorker(deps: WorkerDeps): Promise<Consumer> {
  const seldom = createSeldom({ periodMs: seldomMs, now: () => performance.now() })
  return deps.queue.consume((job, context) => work({ ...deps, seldom }, job, context), {
    concurrency: deps.concurrency,
  })
}

async function work(deps: WorkerDeps & { seldom: Seldom }, { plan, lane }: Job, context: JobContext): Promise<Outcome> {
  const { derive, suspects, log, metrics } = deps
  const { signal } = context
  const end = suspects.begin(plan.id)
  let rendered: Rendered | null = null
  try {
    suspects.check(plan.id)
    const { stored, ...made } = await derive(plan, {
      signal,
      onRendered(derived, bytes) {
        rendered = { ok: true, derived, bytes }
        context.answer(rendered)
      },
    })
    end('made')
    metrics.jobs.inc({ outcome: 'ok' })
    return { ok: true, ...made, ...(!stored && { unstored: keptNowhere }) }
  } catch (error) {
    end(signal.aborted ? 'abandoned' : 'failed')
    // Withdrawn, lost to another worker, or handed back: the queue knows which, and what to do.
    if (signal.aborted) throw signal.reason
    const failure = toFailure(error)
    metrics.jobs.inc({ outcome: failure.code })
    const { bucket, key } = plan.original
    const answered = rendered !== null
    const facts = { plan: plan.id, bucket, key, lane, answered, code: failure.code }
    // What is left to do after the answer is to store.
    if (answered && failure.code !== 'internal') tellNotStored(deps, plan.derivative.storage, facts, failure.message)
    else logFailure(log, facts, error)
    if (!answered && error instanceof MortiseError && error.retry) throw error
    // No other try would store it, and who waits for a large one has not been answered.
    if (rendered && failure.code === 'unsupported') return { ...(rendered as Rendered), unstored: failure }
    return { ok: false, failure }
  }
}

type Rendered = Extract<Outcome, { ok: true }>

const keptNowhere: Failure = { code: 'unsupported', message: 'the storage of derivatives keeps nothing' }

/** Most clients have their picture and notice nothing, but it is made again for each that comes later. */
function tellNotStored(
  { log, metrics, seldom }: Pick<WorkerDeps, 'log' | 'metrics'> & { seldom: Seldom },
  storage: string,
  facts: { code: ErrorCode } & Record<string, unknown>,
  reason: string,
): void {
  metrics.storeFailures.inc({ code: facts.code })
  seldom(`${storage} ${facts.code}`, more =>
    log.warn({ storage, ...facts, reason, ...more }, 'derivatives cannot be stored'),
  )
}

/** A bug is worth an error with its stack and cause; what originals and storages do is not. */
function logFailure(log: Log, facts: { code: ErrorCode } & Record<string, unknown>, err: unknown): void {
  if (facts.code === 'internal') log.error({ ...facts, err }, 'job failed')
  else log.info({ ...facts, reason: err instanceof Error ? err.message : err }, 'job failed')
}
