import type { Failure } from '@mortise/errors'
import type { Derived, Plan } from '@mortise/plan'

/** `interactive`: a client waits. `background`: nobody does; it runs only when no interactive job is ready to run. */
export type Lane = 'interactive' | 'background'

/** One derivative to make. Jobs with equal `plan.id` are one job, whoever submits them and wherever they wait. */
export type Job = {
  plan: Plan
  lane: Lane
  /** Milliseconds since the epoch. After it an interactive job for which nobody waits any more is dropped. */
  deadline: number
}

/**
 * How a job ended, as data. `bytes` is the body itself when the adapter could carry it, shared and never to be written
 * to; `null` means: read it from the derivative's storage, where it has been stored by now. `unstored`: it has not, for
 * good, and the body here is all there is; whoever waits for more than the adapter can carry gets this failure.
 */
export type Outcome =
  | { ok: true; derived: Derived; bytes: Uint8Array | null; unstored?: Failure }
  | { ok: false; failure: Failure }

export type SubmitOptions = {
  lane: Lane
  /** Milliseconds since the epoch at which this submitter stops waiting, with `timed_out`. */
  deadline: number
  /** Aborted when the submitter leaves. The last one to leave withdraws the job, or aborts it when it has started. */
  signal: AbortSignal
}

export type JobContext = {
  /** Aborted when nobody waits any more, when the job is lost to another worker, or when the grace of a drain is over. */
  signal: AbortSignal
  /**
   * Answers everybody who waits, before the job ends: its derivative is still to be stored. At most once; later calls
   * and the job's own outcome do not answer again. Does nothing (and the end of the job answers) when the adapter
   * cannot carry these bytes.
   */
  answer(outcome: Outcome): void
}

/**
 * Makes the derivative. What it returns ends the job. A thrown `MortiseError` whose code may be tried again is, with
 * back-off, until the attempts are used up or an interactive job's deadline has passed; the waiters then get the failure
 * of the last attempt. Anything else thrown ends the job with its failure.
 */
export type JobHandler = (job: Job, context: JobContext) => Promise<Outcome>

export type ConsumeOptions = {
  /** Jobs in hand at one time, from fetching the original to storing the result. */
  concurrency: number
}

export type Consumer = AsyncDisposable & {
  /** Jobs in hand now. */
  readonly active: number
  /**
   * Takes no more jobs, lets those in hand finish within `graceMs`, then aborts the rest and hands them back to the
   * queue so that another consumer runs them. Idempotent.
   */
  close(graceMs: number): Promise<void>
}

export type QueueStats = {
  /** Jobs that nobody has started, over all processes. */
  waiting: { interactive: number; background: number }
  /** Milliseconds since the interactive job that is to be started next was submitted; 0 when none waits. */
  oldestMs: number
  /** Jobs being worked on, over all processes. */
  active: number
  /** Distinct jobs for which this process waits; bounded by `maxWaiting`. */
  flights: number
  /** Submitters in this process; several can wait for one flight. */
  waiters: number
}

/**
 * The queue port. One flight per plan id in the process, one job per plan id in the cluster.
 */
export type JobQueue = AsyncDisposable & {
  /**
   * Joins the job of this plan, or adds it, and waits for its outcome. Rejects with `overloaded` (and `retryAfter`
   * from the measured service rate) when this process already waits for `maxWaiting` other jobs, `queue_unavailable`
   * within 2 s when the backend is away, `timed_out` at the deadline, `poisoned` when the job took its worker down
   * twice, and with `signal.reason` when the signal is aborted.
   */
  submit(plan: Plan, options: SubmitOptions): Promise<Outcome>
  /** Starts to take jobs. */
  consume(handler: JobHandler, options: ConsumeOptions): Promise<Consumer>
  stats(): Promise<QueueStats>
  /** Throws `queue_unavailable` when the backend cannot be used now; for readiness. */
  ping(signal: AbortSignal): Promise<void>
  /** Rejects who still waits with `queue_unavailable` and lets go of timers, listeners and connections. Idempotent. */
  close(): Promise<void>
}
