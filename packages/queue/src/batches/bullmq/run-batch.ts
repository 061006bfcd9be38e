import { MortiseError, messageOf, toFailure } from '@mortise/errors'
import { type Job as BullJob, DelayedError, UnrecoverableError } from 'bullmq'
import type { Batch, BatchHandler, BatchOutcome } from '../../batches.ts'
import type { Deaths } from '../../bullmq/deaths.ts'
import type { SharedLock } from '../../bullmq/shared-lock.ts'
import { attemptBatch, type BatchEnd, triesAgain } from '../attempt.ts'
import { allFailed } from '../batch.ts'
import type { Turn, Turns } from './turns.ts'
import { readBatch } from './wire.ts'

/** A batch in hand. */
export type ActiveBatch = {
  readonly jobId: string
  readonly abort: AbortController
  /** Why it is to stop; decides what becomes of it then. */
  fate: 'goes on' | 'lost' | 'handed back'
  /** It runs, and `deaths` knows that. */
  counted: boolean
  /** Resolves when a handler that was told to stop is not waited for any longer. */
  readonly givenUp: PromiseWithResolvers<{ error: unknown }>
}

export type RunBatchOptions = {
  handler: BatchHandler
  turns: Turns
  deaths: Deaths
  /** Held by every run: together, and alone by one that may take the worker down. */
  lock: SharedLock
  /** Tries of a batch, whatever it says itself. */
  attempts: number
  onError: (error: unknown) => void
}

/** Deaths of workers after which a batch is poison. */
const tooMany = 2
/** Between looks (ms) whether the batch of the same original that came earlier has ended. */
const turnMs = 500

/** One run of a job, from what BullMQ hands out to what it stores. Throws to have it run again, or shown as failed. */
export async function runBatch(
  bull: BullJob,
  token: string,
  active: ActiveBatch,
  options: RunBatchOptions,
): Promise<BatchOutcome> {
  const { turns, onError } = options
  const turn = await turns.begin(active.jobId)
  if (!turn) return later(bull, token, turnMs)
  let batch: Batch
  try {
    batch = readBatch(active.jobId, turn.data)
  } catch (error) {
    onError(error)
    await turns.end(active.jobId, { ok: false, failure: toFailure(error) })
    throw new UnrecoverableError(messageOf(error))
  }
  if (turn.poisoned || turn.deaths >= tooMany) return fail(batch, poison(active.jobId), active, options)
  const end = await Promise.race([run(batch, turn, active, options), active.givenUp.promise])
  if ('outcome' in end) return conclude(end.outcome, active, options)
  return stop(bull, token, batch, end.error, active, options)
}

/** One that was in hand when a worker died runs alone, so that no other is in the company of two deaths. */
async function run(batch: Batch, { deaths }: Turn, active: ActiveBatch, options: RunBatchOptions): Promise<BatchEnd> {
  const { signal } = active.abort
  using _held = await (deaths > 0 ? options.lock.exclusive() : options.lock.shared())
  if (signal.aborted) return { error: signal.reason }
  await options.deaths.count(active.jobId, 1)
  active.counted = true
  return await attemptBatch(options.handler, batch, { signal })
}

async function conclude(outcome: BatchOutcome, active: ActiveBatch, { turns }: RunBatchOptions): Promise<BatchOutcome> {
  // The one who has it now tells of it.
  if (active.fate !== 'lost') await turns.end(active.jobId, { ok: true, outcome })
  return outcome
}

/** What becomes of a batch whose run has ended without an outcome. */
async function stop(
  bull: BullJob,
  token: string,
  batch: Batch,
  error: unknown,
  active: ActiveBatch,
  options: RunBatchOptions,
): Promise<BatchOutcome> {
  // Of one that is lost it has been taken back already.
  if (active.counted && active.fate !== 'lost') await options.deaths.count(active.jobId, -1).catch(options.onError)
  // As a delayed job, because that wakes an idle worker, which a job put back at the head of the line does not.
  if (active.fate === 'handed back') return later(bull, token, 1)
  // BullMQ goes by what the job says.
  const tries = Math.min(bull.opts.attempts ?? 1, options.attempts)
  if (triesAgain(error, bull.attemptsMade + 1, tries) || active.fate === 'lost') throw error
  return fail(batch, error, active, options)
}

/** Tells who waits, and shows the job as failed. */
async function fail(batch: Batch, error: unknown, active: ActiveBatch, options: RunBatchOptions): Promise<never> {
  await conclude(allFailed(batch, error), active, options)
  const { code, message } = toFailure(error)
  throw new UnrecoverableError(`${code}: ${message}`)
}

async function later(bull: BullJob, token: string, ms: number): Promise<never> {
  await bull.moveToDelayed(Date.now() + ms, token)
  throw new DelayedError()
}

function poison(jobId: string): MortiseError {
  return new MortiseError('poisoned', `batch ${jobId} or an earlier one of its original has taken down workers`)
}
