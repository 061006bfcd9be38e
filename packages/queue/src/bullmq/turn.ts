import { MortiseError, toFailure } from '@mortise/errors'
import { type Job as BullJob, DelayedError } from 'bullmq'
import { attempt, triesAgain } from '../attempt.ts'
import type { Job, JobHandler, Outcome } from '../queue.ts'
import type { Client } from './connect.ts'
import type { Floor } from './floor.ts'
import type { Keys } from './keys.ts'
import type { Presence } from './presence.ts'
import { readJob, readOutcome, toWire, type WireOutcome } from './wire.ts'

/** A job in hand. */
export type Hand = {
  readonly jobId: string
  readonly abort: AbortController
  /** Why it is to stop; decides what becomes of the job then. */
  fate: 'goes on' | 'withdrawn' | 'lost' | 'handed back'
  answered: boolean
  /** Resolves when a handler that was told to stop is not waited for any longer. */
  readonly givenUp: PromiseWithResolvers<{ error: unknown }>
}

export type TurnOptions = {
  redis: Client
  keys: Keys
  presence: Presence
  handler: JobHandler
  floor: Floor
  /** Bodies up to this size (bytes) travel through Redis. */
  inlineBytes: number
  /** Seconds for which they stay there. */
  resultTtl: number
  onError: (error: unknown) => void
}

/** Runs that ended with the worker, after which a job is poison; and how long (ms) its plan is refused then. */
const deaths = 2
const poisonMs = 600_000

/**
 * How often a job was begun and neither ended nor given back, kept with the job. BullMQ's own count of stalls also has
 * the jobs that were only in hand when a worker died.
 */
const begun = 'begun'

/** One run of a job, from what BullMQ hands out to what it stores. Throws only to have the job run again. */
export async function takeTurn(bull: BullJob, token: string, hand: Hand, options: TurnOptions): Promise<WireOutcome> {
  let job: Job
  try {
    job = readJob(bull.data)
  } catch (error) {
    return { ok: false, failure: toFailure(error) }
  }
  return (await refuse(bull, job, hand, options)) ?? run(bull, job, token, hand, options)
}

/** The outcome of a job that is not run at all, or `null`. */
async function refuse(bull: BullJob, job: Job, { jobId, fate }: Hand, { redis, keys, presence }: TurnOptions) {
  const dead = isSuspect(bull) ? Number(await redis.hget(keys.job(jobId), begun)) : 0
  if (dead >= deaths) {
    // Before anybody can learn of the outcome and ask again.
    await redis.set(keys.poison(job.plan.id), dead, 'PX', poisonMs)
    return failed('poisoned', `job ${jobId} has taken down ${dead} workers`)
  }
  // Its waiters have gone because they were answered; what is left to do is to store.
  if (readOutcome(bull.progress)) return null
  if (fate === 'withdrawn') return failed('cancelled', 'everybody who waited has left')
  const late = job.lane === 'interactive' && Date.now() > job.deadline
  if (!late || (await presence.count(job.plan.id)) > 0) return null
  return failed('cancelled', 'its deadline passed before it was started, and nobody waits')
}

async function run(bull: BullJob, job: Job, token: string, hand: Hand, options: TurnOptions): Promise<WireOutcome> {
  let answering: Promise<unknown> = Promise.resolve()
  const answer = (outcome: Outcome) => {
    if (hand.answered || hand.fate === 'lost' || hand.fate === 'handed back' || !travels(outcome, options)) return
    hand.answered = true
    answering = tell(bull, hand, outcome, options).catch(options.onError)
  }
  const end = await Promise.race([
    begin(bull, hand, options, () => attempt(options.handler, job, { signal: hand.abort.signal, answer })),
    hand.givenUp.promise,
  ])
  await answering
  if ('outcome' in end) return conclude(end.outcome, hand, options)
  await count(-1, hand, options).catch(options.onError)
  if (hand.fate === 'handed back') {
    // As a delayed job, because that wakes an idle worker, which a job put back at the head of the line does not.
    await bull.moveToDelayed(Date.now() + 1, token)
    throw new DelayedError()
  }
  if (hand.fate === 'withdrawn') return failed('cancelled', 'everybody who waited has left')
  const again = triesAgain(end.error, job, bull.attemptsMade + 1, bull.opts.attempts ?? 1)
  if (again || hand.fate === 'lost') throw end.error
  return { ok: false, failure: toFailure(end.error) }
}

/** It was in hand when a worker died, and may be what that worker died of. */
function isSuspect({ stalledCounter }: BullJob): boolean {
  return stalledCounter > 0
}

/** A suspect runs alone, so that no other job is in the company of two deaths. */
async function begin<T>(bull: BullJob, hand: Hand, options: TurnOptions, run: () => Promise<T>): Promise<T> {
  const { floor, onError } = options
  using _place = await (isSuspect(bull) ? floor.alone() : floor.share())
  const counted = count(1, hand, options)
  if (isSuspect(bull)) await counted
  else counted.catch(onError)
  return await run()
}

/** KEYS job, ARGV field, difference. A job that is gone is not brought back. */
const countScript = `if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2]) end`

async function count(difference: 1 | -1, { jobId }: Hand, { redis, keys }: TurnOptions): Promise<void> {
  await redis.eval(countScript, 1, keys.job(jobId), begun, difference)
}

/** Whether waiters can be told without reading the storage, where the derivative is not yet. */
function travels(outcome: Outcome, { inlineBytes }: TurnOptions): boolean {
  return !outcome.ok || (outcome.bytes !== null && outcome.bytes.byteLength <= inlineBytes)
}

async function tell(bull: BullJob, hand: Hand, outcome: Outcome, options: TurnOptions) {
  // Both on one connection: who sees the progress finds the bytes.
  await Promise.all([keepBytes(hand, outcome, options), bull.updateProgress(toWire(outcome, true))])
}

async function conclude(outcome: Outcome, hand: Hand, options: TurnOptions): Promise<WireOutcome> {
  const inline = outcome.ok && outcome.bytes !== null && travels(outcome, options)
  if (inline && !hand.answered) await keepBytes(hand, outcome, options)
  return toWire(outcome, inline)
}

async function keepBytes({ jobId }: Hand, outcome: Outcome, { redis, keys, resultTtl }: TurnOptions) {
  if (!outcome.ok || !outcome.bytes) return
  const { buffer, byteOffset, byteLength } = outcome.bytes
  await redis.set(keys.bytes(jobId), Buffer.from(buffer, byteOffset, byteLength), 'PX', resultTtl * 1_000)
}

function failed(code: 'poisoned' | 'cancelled', message: string): WireOutcome {
  return { ok: false, failure: toFailure(new MortiseError(code, message)) }
}
