import { untilAborted } from '@mortise/async'
import { fromFailure, MortiseError } from '@mortise/errors'
import type { BatchOutcome } from '../../batches.ts'
import { inspectJobs } from '../../bullmq/inspect.ts'
import type { Link } from '../../bullmq/link.ts'
import { createRecheck } from '../../bullmq/recheck.ts'
import type { Subscriptions } from '../../bullmq/subscriptions.ts'
import { unavailable } from '../../bullmq/unavailable.ts'
import type { BatchKeys } from './keys.ts'
import { readEnd, type WireEnd } from './wire.ts'

/** Who waits in this process for the end of batches: told by message, or by looking, because messages can be lost. */
export type Ends = {
  /** How many wait. */
  readonly waiting: number
  /** Waits for the end of the job of this id, as soon as that is known. */
  wait(jobId: Promise<string>, signal: AbortSignal): Promise<BatchOutcome>
  /** Rejects who waits. */
  close(error: MortiseError): void
}

export type EndsOptions = {
  link: Link
  keys: BatchKeys
  subscriptions: Subscriptions
  onError: (error: unknown) => void
}

type Waiter = PromiseWithResolvers<BatchOutcome>

/** Jobs that are looked at in one go, those first that nobody has looked at for the longest time. */
const lookAt = 500
/** A restart of Redis is waited for; one that is away for longer than this (ms) may have lost everything. */
const awayMs = 30_000
const lineFeed = 10

export function createEnds({ link, keys, subscriptions, onError }: EndsOptions): Ends {
  const waiters = new Map<string, Set<Waiter>>()
  const recheck = createRecheck<string>({ waiting: nextToLookAt, check, lost })
  let waiting = 0
  let listens = false
  let contact = 0
  let closed: MortiseError | undefined

  function nextToLookAt(): string[] {
    const ids = [...waiters.keys()].slice(0, lookAt)
    for (const id of ids) {
      const those = waiters.get(id)
      waiters.delete(id)
      if (those) waiters.set(id, those)
    }
    return ids
  }

  async function check(ids: string[]) {
    if (await look(ids)) subscriptions.renew()
  }

  /** Whether one of them has ended. Rejects when Redis does not answer. */
  async function look(ids: string[]): Promise<boolean> {
    // In this order: the end of a job is there before the job is gone.
    const jobs = await inspectJobs(link.client, keys, ids)
    const ends = await link.client.mget(ids.map(keys.ended))
    contact = Date.now()
    for (const [i, { jobId, state }] of jobs.entries()) {
      const text = ends[i]
      if (text) settle(jobId, readEnd(text))
      else if (state === 'gone')
        reject(jobId, new MortiseError('queue_unavailable', `batch ${jobId} was removed or lost`))
      else if (state === 'ended') settle(jobId, null)
    }
    return ends.some(Boolean)
  }

  function hear(message: Buffer) {
    const end = message.indexOf(lineFeed)
    const jobId = message.toString('utf8', 0, Math.max(end, 0))
    if (waiters.has(jobId)) settle(jobId, readEnd(message.toString('utf8', end + 1)))
  }

  function settle(jobId: string, end: WireEnd | null) {
    if (!end) return reject(jobId, new MortiseError('internal', `batch ${jobId} ended with no outcome`))
    if (!end.ok) return reject(jobId, fromFailure(end.failure))
    for (const waiter of waiters.get(jobId) ?? []) waiter.resolve(end.outcome)
    waiters.delete(jobId)
  }

  function reject(jobId: string, error: MortiseError) {
    for (const waiter of waiters.get(jobId) ?? []) waiter.reject(error)
    waiters.delete(jobId)
  }

  function lost(error: unknown) {
    if (Date.now() - contact < awayMs) return
    for (const jobId of waiters.keys()) reject(jobId, unavailable(error))
  }

  async function untilEnded(jobId: string, waiter: Waiter, signal: AbortSignal): Promise<BatchOutcome> {
    if (closed) throw closed
    const those = waiters.get(jobId) ?? new Set()
    waiters.set(jobId, those.add(waiter))
    if (waiters.size === 1) contact = Date.now()
    recheck.start()
    // It may have ended before anybody here listened for it.
    look([jobId]).catch(onError)
    try {
      return await untilAborted(waiter.promise, signal)
    } finally {
      those.delete(waiter)
      if (those.size === 0 && waiters.get(jobId) === those) waiters.delete(jobId)
    }
  }

  return {
    get waiting() {
      return waiting
    },
    async wait(jobId, signal) {
      if (!listens) subscriptions.hear(keys.endings, hear).catch(onError)
      listens = true
      waiting++
      try {
        return await untilEnded(await untilAborted(jobId, signal), Promise.withResolvers(), signal)
      } finally {
        waiting--
      }
    },
    close(error) {
      closed = error
      recheck.stop()
      for (const jobId of waiters.keys()) reject(jobId, error)
    },
  }
}
