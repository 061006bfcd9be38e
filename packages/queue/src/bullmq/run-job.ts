import { type Failure, MortiseError, toFailure } from '@mortise/errors'
import { type Job as BullJob, DelayedError } from 'bullmq'
import { attempt, type End, triesAgain } from '../attempt.ts'
import type { Job, JobHandler, Outcome } from '../queue.ts'
import type { Client } from './connect.ts'
import type { Deaths } from './deaths.ts'
import type { Keys } from './keys.ts'
import type { Notifier } from './notifier.ts'
import type { Presence } from './presence.ts'
import type { SharedLock } from './shared-lock.ts'
import { readJob, readOutcome, toWire, type WireOutcome } from './wire.ts'

/** A job in hand. */
export type ActiveJob = {
  readonly jobId: string
  readonly abort: AbortController
  /** Why it is to stop; decides what becomes of the job then. */
  fate: 'goes on' | 'withdrawn' | 'lost' | 'handed back'
  answered: boolean
  /** What `deaths` knows of its run; nothing of one that began at once. */
  counted: 'no' | 'waiting' | 'running'
  /** Resolves when a handler that was told to stop is not waited for any longer. */
  readonly givenUp: PromiseWithResolvers<{ error: unknown }>
}

export type RunOptions = {
  redis: Client
  keys: Keys
  presence: Presence
  notifier: Notifier
  deaths: Deaths
  handler: JobHandler
  /** Held by every run: together, and alone by one that may take the worker down. */
  lock: SharedLock
  /** Bodies up to this size (bytes) travel through Redis. */
  inlineBytes: number
  /** Tries of a job, whatever it says itself. */
  attempts: number
  onError: (error: unknown) => void
}

/** Bodies that no storage holds travel up to this size (bytes), whatever `inlineBytes` says. */
const unstoredBytes = 32 * 1024 * 1024

/** Deaths after which a job is poison; and how long (ms) its plan is refused then. */
const tooMany = 2
const poisonMs = 600_000

/** One run of a job, from what BullMQ hands out to what it stores. Throws only to have the job run again. */
export async function runJob(
  bull: BullJob,
  token: string,
  active: ActiveJob,
  options: RunOptions,
): Promise<WireOutcome> {
  let job: Job
  try {
    job = readJob(active.jobId, bull.data)
  } catch (error) {
    options.onError(error)
    return { ok: false, failure: toFailure(error) }
  }
  const outcome = (await refuse(bull, job, active, options)) ?? (await run(bull, job, token, active, options))
  // Before anybody can learn of the outcome and ask again.
  if (!outcome.ok && outcome.failure.code === 'poisoned') {
    await options.redis.set(options.keys.poison(job.plan.id), 1, 'PX', poisonMs)
  }
  return outcome
}

/** The outcome of a job that is not run at all, or `null`. */
async function refuse(bull: BullJob, job: Job, { jobId, fate }: ActiveJob, { presence, deaths }: RunOptions) {
  const dead = isSuspect(bull) ? await deaths.of(jobId) : 0
  if (dead >= tooMany) return failed('poisoned', `job ${jobId} has taken down ${dead} workers`)
  // Its waiters have gone because they were answered; what is left to do is to store.
  if (readOutcome(bull.progress)) return null
  if (fate === 'withdrawn') return failed('cancelled', 'everybody who waited has left')
  const late = job.lane === 'interactive' && Date.now() > job.deadline
  if (!late || (await presence.count(job.plan.id)) > 0) return null
  return failed('cancelled', 'its deadline passed before it was started, and nobody waits')
}

async function run(
  bull: BullJob,
  job: Job,
  token: string,
  active: ActiveJob,
  options: RunOptions,
): Promise<WireOutcome> {
  let answering: Promise<unknown> = Promise.resolve()
  const answer = (outcome: Outcome) => {
    if (active.answered || active.fate === 'lost' || active.fate === 'handed back' || !travels(outcome, options)) return
    active.answered = true
    answering = tell(outcome, active, options).catch(options.onError)
  }
  const end = await Promise.race([
    begin(bull, active, options, () => attempt(options.handler, job, { signal: active.abort.signal, answer })),
    active.givenUp.promise,
  ])
  await answering
  if ('outcome' in end) return conclude(end.outcome, active, options)
  return stop(bull, job, token, end.error, active, options)
}

/** What becomes of a job whose run has ended without an outcome. */
async function stop(
  bull: BullJob,
  job: Job,
  token: string,
  error: unknown,
  active: ActiveJob,
  { deaths, attempts, onError }: RunOptions,
): Promise<WireOutcome> {
  if (active.counted === 'running') await deaths.count(active.jobId, -1).catch(onError)
  if (active.fate === 'handed back') {
    // As a delayed job, because that wakes an idle worker, which a job put back at the head of the line does not.
    await bull.moveToDelayed(Date.now() + 1, token)
    throw new DelayedError()
  }
  if (active.fate === 'withdrawn') return failed('cancelled', 'everybody who waited has left')
  // BullMQ goes by what the job says.
  const tries = Math.min(bull.opts.attempts ?? 1, attempts)
  if (triesAgain(error, job, bull.attemptsMade + 1, tries) || active.fate === 'lost') throw error
  return { ok: false, failure: toFailure(error) }
}

/** It was in hand when a worker died, and may be what that worker died of. */
function isSuspect({ stalledCounter }: BullJob): boolean {
  return stalledCounter > 0
}

/** A suspect runs alone, so that no other job is in the company of two deaths. */
async function begin(
  bull: BullJob,
  active: ActiveJob,
  { lock, deaths }: RunOptions,
  run: () => Promise<End>,
): Promise<End> {
  const suspect = isSuspect(bull)
  const counts = suspect || !lock.free
  if (counts) active.counted = 'waiting'
  if (counts && !suspect) await deaths.count(active.jobId, 0)
  using _held = await (suspect ? lock.exclusive() : lock.shared())
  if (active.abort.signal.aborted) return { error: active.abort.signal.reason }
  if (counts) await deaths.count(active.jobId, 1)
  if (counts) active.counted = 'running'
  return await run()
}

/** Whether waiters can be told without reading the storage, where the derivative is not yet. */
function travels(outcome: Outcome, { inlineBytes }: Pick<RunOptions, 'inlineBytes'>): boolean {
  return !outcome.ok || (outcome.bytes !== null && outcome.bytes.byteLength <= inlineBytes)
}

/** Sent in this order: who is told, or finds that the job has answered, finds the bytes. */
async function tell(outcome: Outcome, { jobId }: ActiveJob, { notifier }: RunOptions) {
  const wire = toWire(outcome, true)
  const kept = outcome.ok && outcome.bytes && notifier.keep(jobId, wire, outcome.bytes)
  await Promise.all([kept, notifier.answer(jobId, wire)])
}

async function conclude(
  outcome: Outcome,
  active: ActiveJob,
  { notifier, ...options }: RunOptions,
): Promise<WireOutcome> {
  const unstored = outcome.ok && outcome.unstored
  const inlineBytes = unstored ? Math.max(unstoredBytes, options.inlineBytes) : options.inlineBytes
  const bytes = outcome.ok && travels(outcome, { inlineBytes }) ? outcome.bytes : null
  if (unstored && !bytes) return { ok: false, failure: tooLarge(unstored, outcome.derived.size) }
  const wire = toWire(outcome, bytes !== null)
  if (bytes && !active.answered) await notifier.keep(active.jobId, wire, bytes)
  return wire
}

function tooLarge({ code, message }: Failure, size: number): Failure {
  return { code, message: `${message}, and its ${size} bytes are too many to travel without` }
}

function failed(code: 'poisoned' | 'cancelled', message: string): WireOutcome {
  return { ok: false, failure: toFailure(new MortiseError(code, message)) }
}
