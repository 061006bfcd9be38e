import { hash } from 'node:crypto'
import { MortiseError, toFailure } from '@mortise/errors'
import type { Location } from '@mortise/plan'
import type { Batch, BatchOutcome } from '../batches.ts'

export const maxPlans = 64

/** Of storage, bucket and key: 32 hex digits. Batches with equal ids are batches of one original. */
export function originalId({ storage, bucket, key }: Location): string {
  return hash('sha256', JSON.stringify([storage, bucket, key])).slice(0, 32)
}

/** Throws `invalid_request` when this is no batch. */
export function proveBatch({ original, plans }: Batch): void {
  const id = originalId(original)
  if (plans.length === 0 || plans.length > maxPlans) throw invalid(`has ${plans.length} plans`)
  if (new Set(plans.map(plan => plan.id)).size < plans.length) throw invalid('has a plan twice')
  if (plans.some(plan => originalId(plan.original) !== id)) throw invalid('has a plan of another original')
}

/** With the plans of both, the earlier ones first. Throws `overloaded` when they are too many. */
export function unite(earlier: Batch, later: Batch): Batch {
  const ids = new Set(earlier.plans.map(plan => plan.id))
  const plans = [...earlier.plans, ...later.plans.filter(plan => !ids.has(plan.id))]
  if (plans.length <= maxPlans) return { original: earlier.original, plans }
  throw new MortiseError('overloaded', `batch: ${plans.length} plans of one original would wait`, { retryAfter })
}

/** Why a batch is not taken while `waiting` others wait. */
export function refusal(waiting: number): MortiseError {
  return new MortiseError('overloaded', `${waiting} batches wait already`, { retryAfter })
}

/** The whole batch could not be made, for this reason. */
export function allFailed({ plans }: Batch, error: unknown): BatchOutcome {
  const failure = toFailure(error)
  return { made: 0, skipped: 0, failures: plans.map(plan => ({ plan: plan.id, failure })) }
}

/** Seconds. Nobody waits for this work, so who is refused comes back when there is room for more than one. */
const retryAfter = 10

function invalid(message: string): MortiseError {
  return new MortiseError('invalid_request', `batch: ${message}`)
}
