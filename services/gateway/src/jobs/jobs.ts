import { randomUUID } from 'node:crypto'
import { within } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import type { Log } from '@mortise/telemetry'
import type { Warm, Warming, WarmOrder, WarmProgress } from '@mortise/warm'

/** A job as it is shown: what was asked for, and how far it is. */
export type JobView = WarmOrder & { id: string; created: string } & WarmProgress

/**
 * Jobs of this process, each of which has the derivatives of a bucket made. They end with it, and are known to no other
 * one; what they have queued is in the queue, and stays there.
 */
export type Jobs = {
  /** Throws what `Warm` throws, and `overloaded` when as many run as may at one time, or after `close`. */
  start(order: WarmOrder): JobView
  /** `null` for one that is not known (any more). */
  get(id: string): JobView | null
  /** The latest first, without their failures. */
  list(): Omit<JobView, 'failures'>[]
  /** Takes nothing more on. Resolves when it has ended, or after a moment; `null` as in `get`. */
  cancel(id: string): Promise<JobView | null>
  /** Resolves when it has ended; at once for one that is not known. */
  ended(id: string): Promise<unknown>
  /** Cancels all. Idempotent. */
  close(): Promise<void>
}

export type JobsDeps = {
  warm: Warm
  log: Pick<Log, 'info'>
  /** Milliseconds since the epoch. */
  now(): number
}

type Job = { id: string; created: string; order: WarmOrder; warming: Warming; abort: AbortController }

/** At one time, and with those that have ended. */
const maxRunning = 4
const maxKept = 100
/** ms for one that was told to end. */
const endMs = 2_000
/** Seconds. */
const retryAfter = 10

export function createJobs({ warm, log, now }: JobsDeps): Jobs {
  const jobs = new Map<string, Job>()
  let closing: Promise<void> | undefined

  function start(order: WarmOrder): JobView {
    if (closing) throw new MortiseError('overloaded', 'this process is about to end', { retryAfter })
    const running = [...jobs.values()].filter(isRunning).length
    if (running >= maxRunning) throw new MortiseError('overloaded', `${running} jobs run already`, { retryAfter })
    const abort = new AbortController()
    const job = { id: randomUUID(), created: new Date(now()).toISOString(), order, abort }
    const started: Job = { ...job, warming: warm(order, abort.signal) }
    forgetOldest()
    jobs.set(job.id, started)
    log.info({ job: job.id, ...order }, 'job started')
    void started.warming.ended.then(({ failures, ...end }) => log.info({ job: job.id, ...end }, 'job ended'))
    return view(started)
  }

  /** Of those that have ended: the others are fewer than are kept. */
  function forgetOldest() {
    if (jobs.size < maxKept) return
    for (const job of jobs.values()) if (!isRunning(job)) return void jobs.delete(job.id)
  }

  async function end({ abort, warming }: Job) {
    abort.abort(new MortiseError('cancelled', 'the job was cancelled'))
    await within(warming.ended, endMs)
  }

  return {
    start,
    get(id) {
      const job = jobs.get(id)
      return job ? view(job) : null
    },
    list: () => [...jobs.values()].reverse().map(job => withoutFailures(view(job))),
    async cancel(id) {
      const job = jobs.get(id)
      if (!job) return null
      if (isRunning(job)) await end(job)
      return view(job)
    },
    ended: async id => jobs.get(id)?.warming.ended,
    close() {
      closing ??= Promise.all([...jobs.values()].filter(isRunning).map(end)).then(() => undefined)
      return closing
    },
  }
}

function isRunning({ warming }: Job): boolean {
  return warming.progress().state === 'running'
}

function view({ id, created, order, warming }: Job): JobView {
  return { id, created, ...order, ...warming.progress() }
}

function withoutFailures({ failures: _, ...view }: JobView) {
  return view
}
