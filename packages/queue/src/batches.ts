import type { Failure } from '@mortise/errors'
import type { Location, Plan } from '@mortise/plan'
import type { Consumer } from './queue.ts'

/** The derivatives that one original is to have, made before anybody asks for them. JSON. */
export type Batch = {
  original: Location
  /** 1 to 64, each of this original, with different ids. */
  plans: Plan[]
}

/** How a batch ended, as data. */
export type BatchOutcome = {
  /** Derivatives made now. */
  made: number
  /** They were there already, and of the current original. */
  skipped: number
  /** One for each that could not be made; `plan` is its id. */
  failures: { plan: string; failure: Failure }[]
  /** The original was replaced or deleted meanwhile: the rest was not made. */
  dropped?: true
}

export type BatchContext = {
  /** Aborted when the grace of a drain is over, or when the batch is lost to another worker. */
  signal: AbortSignal
}

/**
 * Makes the derivatives. What it returns ends the batch. A thrown `MortiseError` whose code may be tried again is, with
 * back-off, until the attempts are used up. Anything else thrown ends the batch with that failure for all of its plans.
 */
export type BatchHandler = (batch: Batch, context: BatchContext) => Promise<BatchOutcome>

export type BatchStats = {
  /** Nobody works on them: they have not been started, or wait for another try. Over all processes. */
  waiting: number
  /** Being worked on, over all processes. */
  active: number
}

/**
 * The background lane: a queue of its own, so that the slots of its workers are never those of interactive jobs. One
 * batch per original. One that waits takes the plans of a later one into itself; one that has been started is followed by
 * the later one, once, and never has it at its side.
 */
export type BatchQueue = AsyncDisposable & {
  /**
   * Adds it, and does not wait for its end. Rejects with `invalid_request` when it is no batch, `overloaded` (and
   * `retryAfter`) when `maxBackground` others wait or when the waiting one of this original would have more than 64 plans,
   * `queue_unavailable` within 2 s when the backend is away.
   */
  add(batch: Batch): Promise<void>
  /**
   * Adds it, and waits for the end of the batch that has its plans, which begins after this call and may have others
   * besides. Rejects as `add` does, with `overloaded` when `maxBackground` wait here already, with `queue_unavailable`
   * when the batch is lost, and with `signal.reason` when the signal is aborted; the batch is not withdrawn then.
   */
  run(batch: Batch, signal: AbortSignal): Promise<BatchOutcome>
  /** Starts to take batches; `concurrency` of them at one time. */
  consume(handler: BatchHandler, options: { concurrency: number }): Promise<Consumer>
  stats(): Promise<BatchStats>
  /** Throws `queue_unavailable` when the backend cannot be used now; for readiness. */
  ping(signal: AbortSignal): Promise<void>
  /** Rejects who still waits with `queue_unavailable` and lets go of timers, listeners and connections. Idempotent. */
  close(): Promise<void>
}
