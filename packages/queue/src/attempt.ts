import { fromFailure, MortiseError } from '@mortise/errors'
import type { Job, JobContext, JobHandler, Outcome } from './queue.ts'

export type End = { outcome: Outcome } | { error: unknown }

/** Runs the handler once. Never rejects. That it was cancelled is no outcome, whichever way the handler says so. */
export async function attempt(handler: JobHandler, job: Job, context: JobContext): Promise<End> {
  try {
    const outcome = await handler(job, context)
    const cancelled = !outcome.ok && outcome.failure.code === 'cancelled'
    return cancelled ? { error: fromFailure(outcome.failure) } : { outcome }
  } catch (error) {
    return { error }
  }
}

/** Whether a job whose attempt number `attempt` (from 1) ended with this error is to be tried again. */
export function triesAgain(error: unknown, job: Job, attempt: number, attempts: number): boolean {
  if (!(error instanceof MortiseError) || !error.retry) return false
  return attempt < attempts && (job.lane === 'background' || Date.now() < job.deadline)
}

/** Milliseconds before the attempt after number `attempt`: doubled each time, and up to a half taken off by chance. */
export function backOff(attempt: number, firstMs: number): number {
  return firstMs * 2 ** (attempt - 1) * (1 - Math.random() * jitter)
}

/** So that jobs that failed together do not come back together. */
export const jitter = 0.5

/** A drain waits this long for a handler that was aborted, then hands its job back while it may still run. */
export const abortedMs = 1_000
