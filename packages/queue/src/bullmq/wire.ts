import { type Failure, MortiseError, readFailure } from '@mortise/errors'
import { readPlan } from '@mortise/plan'
import { z } from 'zod'
import type { Job, Outcome } from '../queue.ts'

/** An outcome as it travels through Redis. `inline`: its bytes are under the job's bytes key, for a short time. */
export type WireOutcome = z.infer<typeof outcomeSchema>

const failureSchema = z.unknown().transform((value, context): Failure => {
  const failure = readFailure(value)
  if (failure) return failure
  context.addIssue('no failure')
  return z.NEVER
})

const outcomeSchema = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    inline: z.boolean(),
    derived: z.object({
      size: z.int().nonnegative(),
      contentType: z.string(),
      etag: z.string(),
      lastModified: z.number(),
      width: z.int().nonnegative(),
      height: z.int().nonnegative(),
    }),
  }),
  z.object({ ok: z.literal(false), failure: failureSchema }),
])

const jobSchema = z.object({ lane: z.enum(['interactive', 'background']), deadline: z.number(), plan: z.unknown() })

export function toWire(outcome: Outcome, inline: boolean): WireOutcome {
  return outcome.ok ? { ok: true, inline, derived: outcome.derived } : outcome
}

/** `null` when it is none: a job that has not answered has a progress of 0. */
export function readOutcome(value: unknown): WireOutcome | null {
  if (typeof value !== 'object') return null
  return outcomeSchema.safeParse(value).data ?? null
}

/** As `readOutcome`, from JSON. */
export function parseOutcome(text: string | null | undefined): WireOutcome | null {
  try {
    return readOutcome(JSON.parse(text ?? 'null'))
  } catch {
    return null
  }
}

export function fromWire(wire: WireOutcome, bytes: Uint8Array | null): Outcome {
  return wire.ok ? { ok: true, derived: wire.derived, bytes } : wire
}

/** Throws `invalid_request` when this is not the data of a job: another version wrote it, or somebody else. */
export function readJob(data: unknown): Job {
  const { data: job, error } = jobSchema.safeParse(data)
  if (!job) throw new MortiseError('invalid_request', `not a job: ${z.prettifyError(error)}`)
  return { ...job, plan: readPlan(job.plan) }
}
