import { type Failure, MortiseError, messageOf, readFailure } from '@mortise/errors'
import { planSchema, readPlan } from '@mortise/plan'
import { z } from 'zod'
import type { Batch, BatchOutcome } from '../../batches.ts'
import { planIdOf } from '../../bullmq/keys.ts'
import { maxPlans, originalId, proveBatch } from '../batch.ts'

/** How a job ended, as it travels through Redis. Without an outcome only when nobody knows what the batch was. */
export type WireEnd = { ok: true; outcome: BatchOutcome } | { ok: false; failure: Failure }

/** Characters. Longer ones are cut: they are for logs, and there may be 64 of them. */
const maxMessage = 500

const failureSchema = z.unknown().transform((value, context): Failure => {
  const failure = readFailure(value)
  if (failure) return { ...failure, message: failure.message.slice(0, maxMessage) }
  context.addIssue('no failure')
  return z.NEVER
})

const countSchema = z.int().min(0).max(maxPlans)

const outcomeSchema = z.object({
  made: countSchema,
  skipped: countSchema,
  failures: z.array(z.object({ plan: planSchema.shape.id, failure: failureSchema })).max(maxPlans),
  dropped: z.literal(true).exactOptional(),
})

const endSchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), outcome: outcomeSchema }),
  z.object({ ok: z.literal(false), failure: failureSchema }),
])

/** The plans are proved one by one. */
const batchSchema = z.object({ original: planSchema.shape.original, plans: z.array(z.unknown()) })

/** Enough of a batch to add plans to it; it is proved when it is run. */
const looseSchema = z.looseObject({
  original: planSchema.shape.original,
  plans: z.array(z.looseObject({ id: z.string() })).max(maxPlans),
})

/** Cuts what would be too long for all who hear it. */
export function writeEnd(end: WireEnd): string {
  return JSON.stringify(endSchema.parse(end))
}

/** `null` when it is none. */
export function readEnd(text: string): WireEnd | null {
  return endSchema.safeParse(parseJson(text)).data ?? null
}

/**
 * The data of the job with this id. Throws `internal` when that is no batch of its original: another version wrote it, or
 * somebody else, and nobody's request is at fault.
 */
export function readBatch(jobId: string, data: string): Batch {
  try {
    const { original, plans } = batchSchema.parse(parseJson(data))
    const batch: Batch = { original, plans: plans.map(readPlan) }
    proveBatch(batch)
    if (originalId(original) === planIdOf(jobId)) return batch
  } catch (cause) {
    throw new MortiseError('internal', `batch ${jobId}: ${messageOf(cause)}`, { cause })
  }
  throw new MortiseError('internal', `batch ${jobId}: is of another original than its id says`)
}

/** What waits and may take further plans; `null` when it is nothing that they could be added to. */
export function readWaiting(data: string): Batch | null {
  // Its plans are looked at for nothing but their ids.
  return (looseSchema.safeParse(parseJson(data)).data as Batch | undefined) ?? null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
