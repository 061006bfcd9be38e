import { within } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import { type Job as BullJob, Worker } from 'bullmq'
import { abortedMs } from '../../attempt.ts'
import type { BatchHandler, BatchOutcome } from '../../batches.ts'
import type { Client } from '../../bullmq/connect.ts'
import { createDeaths } from '../../bullmq/deaths.ts'
import { queueName } from '../../bullmq/keys.ts'
import { createLeanBackend } from '../../bullmq/lean-backend.ts'
import { createSharedLock } from '../../bullmq/shared-lock.ts'
import type { Consumer } from '../../queue.ts'
import type { BatchKeys } from './keys.ts'
import { type ActiveBatch, runBatch } from './run-batch.ts'
import { createTurns } from './turns.ts'

export type BatchConsumerOptions = {
  redis: Client
  keys: BatchKeys
  handler: BatchHandler
  concurrency: number
  attempts: number
  /** ms after which a batch of a worker that is not heard of any more may be given to another. */
  lockDuration: number
  /** ms between looks for such batches. */
  stalledInterval: number
  onError: (error: unknown) => void
  onClosed: () => void
}

/** How long Redis may take to let go, at the end of a drain. */
const letGoMs = 2_500
/** What is kept (s, jobs) of those that ended, for who looks at them by hand. */
const retained = { removeOnComplete: { age: 3_600, count: 100 }, removeOnFail: { age: 604_800, count: 100 } }
/** Runs count deaths themselves, to leave the reason as data; this only catches what comes back in spite of that. */
const maxStalledCount = 10

export function createBatchConsumer(options: BatchConsumerOptions): Consumer {
  const { redis, keys, concurrency, lockDuration, stalledInterval, onError, onClosed } = options
  const actives = new Set<ActiveBatch>()
  const deaths = createDeaths(redis, keys)
  const run = { ...options, deaths, turns: createTurns(redis, keys), lock: createSharedLock() }
  const settings = { concurrency, lockDuration, stalledInterval, maxStalledCount, runRetryDelay: 1_000 }
  const worker = new Worker<unknown, BatchOutcome>(
    queueName,
    (job, token = '') => work(job, token),
    { connection: redis, prefix: keys.prefix, ...settings, ...retained },
    createLeanBackend(redis),
  )
  worker.on('error', onError)
  worker.on('lockRenewalFailed', ids => {
    for (const active of actives) if (ids.includes(active.jobId)) lose(active)
  })
  let closing: Promise<void> | undefined

  async function work(job: BullJob, token: string) {
    const givenUp = Promise.withResolvers<{ error: unknown }>()
    const abort = new AbortController()
    const active: ActiveBatch = { jobId: job.id ?? '', abort, fate: 'goes on', counted: false, givenUp }
    actives.add(active)
    try {
      return await runBatch(job, token, active, run)
    } finally {
      actives.delete(active)
    }
  }

  /** Redis was away for longer than the lock lasts. This worker lives, so that does not count towards poison. */
  function lose(active: ActiveBatch) {
    if (active.fate === 'lost') return
    active.fate = 'lost'
    deaths.acquit(active.jobId, active.counted).catch(onError)
    active.abort.abort(new MortiseError('cancelled', 'the batch was given to another worker'))
  }

  function handBack(active: ActiveBatch) {
    if (active.fate !== 'goes on') return
    active.fate = 'handed back'
    active.abort.abort(new MortiseError('cancelled', 'the worker is closing'))
  }

  async function drain(graceMs: number) {
    const closed = worker.close().catch(onError)
    // With nothing in hand only a Redis that does not answer keeps it.
    if (await within(closed, actives.size === 0 ? Math.min(graceMs, letGoMs) : graceMs)) return
    for (const active of actives) handBack(active)
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
    close,
    [Symbol.asyncDispose]: () => close(0),
  }
}
