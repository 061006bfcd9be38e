import { within } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import { type Job as BullJob, Worker } from 'bullmq'
import { abortedMs } from '../attempt.ts'
import type { Consumer } from '../queue.ts'
import { createBackgroundTasks } from './background-tasks.ts'
import { createDeaths } from './deaths.ts'
import { planIdOf, queueName } from './keys.ts'
import { createLeanBackend } from './lean-backend.ts'
import { createNotifier } from './notifier.ts'
import { createPresence } from './presence.ts'
import { type ActiveJob, type RunOptions, runJob } from './run-job.ts'
import { createSharedLock } from './shared-lock.ts'
import type { WireOutcome } from './wire.ts'

export type BullConsumerOptions = Omit<RunOptions, 'lock' | 'presence' | 'notifier' | 'deaths'> & {
  concurrency: number
  /** Seconds for which bodies stay in Redis. */
  resultTtl: number
  /** ms after which a job of a worker that is not heard of any more may be given to another. */
  lockDuration: number
  /** ms between looks for such jobs. */
  stalledInterval: number
  onClosed: () => void
}

export type BullConsumer = Consumer & {
  /** Everybody who waited for this job has left. */
  cancel(jobId: string): void
}

/** A message can arrive before the job that it is about: remembered so long, and of so many jobs. */
const earlyMs = 5_000
const maxEarly = 1_000
/** How long Redis may take to let go, at the end of a drain. */
const letGoMs = 2_500
/** Jobs that ended stay this long (s), and so many of them, for those who look because they heard nothing. */
const retention = { age: 60, count: 1_000 }
/** Runs count deaths themselves, to leave the reason as data; this only catches what comes back in spite of that. */
const maxStalledCount = 10

export function createBullConsumer(options: BullConsumerOptions): BullConsumer {
  const { redis, keys, concurrency, lockDuration, stalledInterval, resultTtl, onError, onClosed } = options
  const actives = new Set<ActiveJob>()
  const answered = new WeakSet<BullJob>()
  const tasks = createBackgroundTasks(onError)
  const notifier = createNotifier(redis, keys, resultTtl * 1_000)
  const deaths = createDeaths(redis, keys)
  const run = { ...options, notifier, deaths, presence: createPresence(redis, keys), lock: createSharedLock() }
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
    if (!answered.has(job)) tasks.run(() => notifier.end(job.id ?? '', wire))
  })
  worker.on('lockRenewalFailed', ids => {
    for (const active of actives) if (ids.includes(active.jobId)) lose(active)
  })
  let closing: Promise<void> | undefined

  async function work(job: BullJob, token: string) {
    const jobId = job.id ?? ''
    const givenUp = Promise.withResolvers<{ error: unknown }>()
    const abort = new AbortController()
    const active: ActiveJob = { jobId, abort, fate: 'goes on', answered: false, counted: 'no', givenUp }
    actives.add(active)
    if (Date.now() - (early.get(jobId) ?? 0) < earlyMs) active.fate = 'withdrawn'
    early.delete(jobId)
    try {
      return await runJob(job, token, active, run)
    } finally {
      actives.delete(active)
      if (active.answered) answered.add(job)
    }
  }

  function stop(active: ActiveJob, fate: ActiveJob['fate'], message: string) {
    if (active.fate !== 'goes on') return
    active.fate = fate
    active.abort.abort(new MortiseError('cancelled', message))
  }

  /** Redis was away for longer than the lock lasts. This worker lives, so that does not count towards poison. */
  function lose(active: ActiveJob) {
    if (active.fate !== 'lost') deaths.acquit(active.jobId, active.counted === 'no').catch(onError)
    stop(active, 'lost', 'the job was given to another worker')
    active.fate = 'lost'
  }

  function cancel(jobId: string) {
    // From a channel: only what can be the id of a job is remembered.
    if (planIdOf(jobId) === '') return
    const found = [...actives].filter(active => active.jobId === jobId)
    for (const active of found) if (!active.answered) stop(active, 'withdrawn', 'everybody who waited has left')
    if (found.length > 0) return
    const [oldest] = early.keys()
    if (oldest !== undefined && early.size >= maxEarly) early.delete(oldest)
    early.set(jobId, Date.now())
  }

  async function drain(graceMs: number) {
    const closed = worker
      .close()
      .catch(onError)
      .then(() => tasks.done())
    // With nothing in hand only a Redis that does not answer keeps it.
    if (await within(closed, actives.size === 0 ? Math.min(graceMs, letGoMs) : graceMs)) return
    for (const active of actives) stop(active, 'handed back', 'the worker is closing')
    if (await within(closed, abortedMs)) return
    for (const active of actives) active.givenUp.resolve({ error: active.abort.signal.reason })
    if (await within(closed, letGoMs)) return
    // Redis does not answer: what is in hand stalls there, and another worker takes it.
    await within(worker.getBackend().close(true), abortedMs).catch(onError)
  }

  const close = (graceMs: number) => (closing ??= drain(graceMs).finally(onClosed))
  return {
    get active() {
      return actives.size
    },
    cancel,
    close,
    [Symbol.asyncDispose]: () => close(0),
  }
}
