import { MortiseError, toFailure } from '@mortise/errors'
import { type Job as BullJob, DelayedError } from 'bullmq'
import { attempt, type End, triesAgain } from '../attempt.ts'
import type { Job, JobHandler, Outcome } from '../queue.ts'
import type { Client } from './connect.ts'
import type { Deaths } from './deaths.ts'
import type { Floor } from './floor.ts'
import type { Keys } from './keys.ts'
import type { Post } from './post.ts'
import type { Presence } from './presence.ts'
import { readJob, readOutcome, toWire, type WireOutcome } from './wire.ts'

/** A job in hand. */
export type Hand = {
  readonly jobId: string
  readonly abort: AbortController
  /** Why it is to stop; decides what becomes of the job then. */
  fate: 'goes on' | 'withdrawn' | 'lost' | 'handed back'
  answered: boolean
  /** What `deaths` knows of its run; nothing of one that began at once. */
  tally: 'none' | 'waits' | 'runs'
  /** Resolves when a handler that was told to stop is not waited for any longer. */
  readonly givenUp: PromiseWithResolvers<{ error: unknown }>
}

export type TurnOptions = {
  redis: Client
  keys: Keys
  presence: Presence
  post: Post
  deaths: Deaths
  handler: JobHandler
  floor: Floor
  /** Bodies up to this size (bytes) travel through Redis. */
  inlineBytes: number
  onError: (error: unknown) => void
}

/** Deaths after which a job is poison; and how long (ms) its plan is refused then. */
const tooMany = 2
const poisonMs = 600_000

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
async function refuse(bull: BullJob, job: Job, { jobId, fate }: Hand, { redis, keys, presence, deaths }: TurnOptions) {
  const dead = isSuspect(bull) ? await deaths.of(jobId) : 0
  if (dead >= tooMany) {
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
    answering = tell(outcome, hand, options).catch(options.onError)
  }
  const end = await Promise.race([
    begin(bull, hand, options, () => attempt(options.handler, job, { signal: hand.abort.signal, answer })),
    hand.givenUp.promise,
  ])
  await answering
  if ('outcome' in end) return conclude(end.outcome, hand, options)
  if (hand.tally === 'runs') await options.deaths.count(hand.jobId, -1).catch(options.onError)
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
async function begin(bull: BullJob, hand: Hand, { floor, deaths }: TurnOptions, run: () => Promise<End>): Promise<End> {
  const suspect = isSuspect(bull)
  const counted = suspect || !floor.open
  if (counted) hand.tally = 'waits'
  if (counted && !suspect) await deaths.count(hand.jobId, 0)
  using _place = await (suspect ? floor.alone() : floor.share())
  if (hand.abort.signal.aborted) return { error: hand.abort.signal.reason }
  if (counted) await deaths.count(hand.jobId, 1)
  if (counted) hand.tally = 'runs'
  return await run()
}

/** Whether waiters can be told without reading the storage, where the derivative is not yet. */
function travels(outcome: Outcome, { inlineBytes }: Pick<TurnOptions, 'inlineBytes'>): boolean {
  return !outcome.ok || (outcome.bytes !== null && outcome.bytes.byteLength <= inlineBytes)
}

/** Sent in this order: who is told, or finds that the job has answered, finds the bytes. */
async function tell(outcome: Outcome, { jobId }: Hand, { post }: TurnOptions) {
  const wire = toWire(outcome, true)
  const kept = outcome.ok && outcome.bytes && post.keep(jobId, wire, outcome.bytes)
  await Promise.all([kept, post.answer(jobId, wire)])
}

async function conclude(outcome: Outcome, hand: Hand, { post, ...options }: TurnOptions): Promise<WireOutcome> {
  const bytes = outcome.ok && travels(outcome, options) ? outcome.bytes : null
  const wire = toWire(outcome, bytes !== null)
  if (bytes && !hand.answered) await post.keep(hand.jobId, wire, bytes)
  return wire
}

function failed(code: 'poisoned' | 'cancelled', message: string): WireOutcome {
  return { ok: false, failure: toFailure(new MortiseError(code, message)) }
}
