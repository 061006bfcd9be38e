import { fromFailure, MortiseError } from '@mortise/errors'
import type { Batch, BatchContext, BatchHandler, BatchOutcome } from '../batches.ts'

export type BatchEnd = { outcome: BatchOutcome } | { error: unknown }

/** Runs the handler once. Never rejects. That it was told to stop is no outcome, whichever way the handler says so. */
export async function attemptBatch(handler: BatchHandler, batch: Batch, context: BatchContext): Promise<BatchEnd> {
  try {
    const outcome = await handler(batch, context)
    const cancelled = outcome.failures.find(({ failure }) => failure.code === 'cancelled')
    return cancelled && context.signal.aborted ? { error: fromFailure(cancelled.failure) } : { outcome }
  } catch (error) {
    return { error }
  }
}

/** Whether a batch whose attempt number `attempt` (from 1) ended with this error is to be tried again. */
export function triesAgain(error: unknown, attempt: number, attempts: number): boolean {
  return error instanceof MortiseError && error.retry && attempt < attempts
}
