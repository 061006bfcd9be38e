import { MortiseError } from '@mortise/errors'
import { type Job as BullJob, Worker } from 'bullmq'
import { abortedMs } from '../attempt.ts'
import type { Consumer } from '../queue.ts'
import { within } from '../within.ts'
import { createDeaths } from './deaths.ts'
import { createErrands } from './errands.ts'
import { createFloor } from './floor.ts'
import { queueName } from './keys.ts'
import { createLeanBackend } from './lean-backend.ts'
import { createPost } from './post.ts'
import { createPresence } from './presence.ts'
import { type Hand, type TurnOptions, takeTurn } from './turn.ts'
import type { WireOutcome } from './wire.ts'

export type CrewOptions = Omit<TurnOptions, 'floor' | 'presence' | 'post' | 'deaths'> & {
  concurrency: number
  /** Seconds for which bodies stay in Redis. */
  resultTtl: number
  /** ms after which a job of a worker that is not heard of any more may be given to another. */
  lockDuration: number
  /** ms between looks for such jobs. */
  stalledInterval: number
  onClosed: () => void
}

export type Crew = Consumer & {
  /** Everybody who waited for this job has left. */
  cancel(jobId: string): void
}

/** A message can arrive before the job that it is about: remembered so long, and of so many jobs. */
const earlyMs = 5_000
const maxEarly = 1_000
/** How long Redis may take to let go, at the end of a drain. */
const farewellMs = 2_500
/** Jobs that ended stay this long (s), and so many of them, for those who look because they heard nothing. */
const retention = { age: 60, count: 1_000 }
/** Turns count deaths themselves, to leave the reason as data; this only catches what comes back in spite of that. */
const maxStalledCount = 10

export function createCrew(options: CrewOptions): Crew {
  const { redis, keys, concurrency, lockDuration, stalledInterval, resultTtl, onError, onClosed } = options
  const hands = new Set<Hand>()
  const answered = new WeakSet<BullJob>()
  const errands = createErrands(onError)
  const post = createPost(redis, keys, resultTtl * 1_000)
  const deaths = createDeaths(redis, keys)
  const turn = { ...options, post, deaths, presence: createPresence(redis, keys), floor: createFloor() }
  const early = new Map<string, number>()
  const settings = { concurrency, lockDuration, stalledInterval, maxStalledCount, runRetryDelay: 1_000 }
  const retained = { removeOnComplete: retention, removeOnFail: retention }
  const worker = new Worker<unknown, WireOutcome>(
    queueName,
    (job, token = '') => work(job, token),
    { connection: redis, prefix: keys.prefix, ...settings, ...retained },
    createLeanBackend(redis),
  )
  worker.on('error', onError)
  // Only now: who is told that the job has ended and submits its plan again gets a job of his own.
  worker.on('completed', (job, wire) => {
    if (!answered.has(job)) errands.run(() => post.end(job.id ?? '', wire))
  })
  worker.on('lockRenewalFailed', ids => {
    for (const hand of hands) if (ids.includes(hand.jobId)) lose(hand)
  })
  let closing: Promise<void> | undefined

  async function work(job: BullJob, token: string) {
    const jobId = job.id ?? ''
    const givenUp = Promise.withResolvers<{ error: unknown }>()
    const abort = new AbortController()
    const hand: Hand = { jobId, abort, fate: 'goes on', answered: false, tally: 'none', givenUp }
    hands.add(hand)
    if (Date.now() - (early.get(jobId) ?? 0) < earlyMs) hand.fate = 'withdrawn'
    early.delete(jobId)
    try {
      return await takeTurn(job, token, hand, turn)
    } finally {
      hands.delete(hand)
      if (hand.answered) answered.add(job)
    }
  }

  function stop(hand: Hand, fate: Hand['fate'], message: string) {
    if (hand.fate !== 'goes on') return
    hand.fate = fate
    hand.abort.abort(new MortiseError('cancelled', message))
  }

  /** Redis was away for longer than the lock lasts. This worker lives, so that does not count towards poison. */
  function lose(hand: Hand) {
    if (hand.fate !== 'lost') deaths.acquit(hand.jobId, hand.tally === 'none').catch(onError)
    stop(hand, 'lost', 'the job was given to another worker')
    hand.fate = 'lost'
  }

  function cancel(jobId: string) {
    const found = [...hands].filter(hand => hand.jobId === jobId)
    for (const hand of found) if (!hand.answered) stop(hand, 'withdrawn', 'everybody who waited has left')
    if (found.length > 0) return
    const [oldest] = early.keys()
    if (oldest !== undefined && early.size >= maxEarly) early.delete(oldest)
    early.set(jobId, Date.now())
  }

  async function drain(graceMs: number) {
    const closed = worker
      .close()
      .catch(onError)
      .then(() => errands.done())
    if (await within(closed, graceMs)) return
    for (const hand of hands) stop(hand, 'handed back', 'the worker is closing')
    if (await within(closed, abortedMs)) return
    for (const hand of hands) hand.givenUp.resolve({ error: hand.abort.signal.reason })
    if (await within(closed, farewellMs)) return
    // Redis does not answer: what is in hand stalls there, and another worker takes it.
    await within(worker.getBackend().close(true), abortedMs).catch(onError)
  }

  const close = (graceMs: number) => (closing ??= drain(graceMs).finally(onClosed))
  return {
    get active() {
      return hands.size
    },
    cancel,
    close,
    [Symbol.asyncDispose]: () => close(0),
  }
}
