import { type Failure, MortiseError, messageOf, readFailure } from '@mortise/errors'
import { type Plan, planSchema, readPlan } from '@mortise/plan'
import { z } from 'zod'
import type { Job, Outcome } from '../queue.ts'
import { planIdOf } from './keys.ts'

/**
 * An outcome as it travels through Redis. `inline`: its bytes are under the job's bytes key, for a short time. What comes
 * out of Redis is input: it becomes response headers only when it is what a worker of ours could have said.
 */
export type WireOutcome = z.infer<typeof outcomeSchema>

/** Characters. Longer ones are cut: they are for logs. */
const maxMessage = 2_000
/** Characters of an ETag of an original; no storage gives longer ones. */
const maxTag = 1_000
/** Seconds. */
const maxRetryAfter = 86_400

const failureSchema = z.unknown().transform((value, context): Failure => {
  const failure = readFailure(value)
  if (failure) return bounded(failure)
  context.addIssue('no failure')
  return z.NEVER
})

const contentTypes = planSchema.shape.output.shape.format.options
  .filter(format => format !== 'original')
  .map(format => `image/${format}`)

/** The last millisecond that a date can hold. */
const lastDate = 8.64e15

const outcomeSchema = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    inline: z.boolean(),
    derived: z.object({
      size: z.int().positive(),
      contentType: z.enum(contentTypes),
      etag: z.string().regex(/^[0-9a-f]{32}$/),
      original: z.string().max(maxTag),
      lastModified: z.number().min(0).max(lastDate),
      width: z.int().positive(),
      height: z.int().positive(),
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

/**
 * Throws `internal` when this is not the data of the job with this id: another version wrote it, or somebody else. It is
 * nobody's request that is at fault, so no code that says so.
 */
export function readJob(jobId: string, data: unknown): Job {
  const { data: job, error } = jobSchema.safeParse(data)
  if (!job) throw new MortiseError('internal', `job ${jobId}: ${z.prettifyError(error)}`)
  const plan = provePlan(jobId, job.plan)
  // Who waits for a plan finds its job by this id, and would get another derivative under the name of his own.
  if (plan.id !== planIdOf(jobId)) throw new MortiseError('internal', `job ${jobId} holds the plan ${plan.id}`)
  return { ...job, plan }
}

function provePlan(jobId: string, plan: unknown): Plan {
  try {
    return readPlan(plan)
  } catch (cause) {
    throw new MortiseError('internal', `job ${jobId}: ${messageOf(cause)}`, { cause })
  }
}

function bounded({ message, retryAfter, ...facts }: Failure): Failure {
  const short = { ...facts, message: message.slice(0, maxMessage) }
  const known = retryAfter !== undefined && retryAfter >= 0 && retryAfter <= maxRetryAfter
  return known ? { ...short, retryAfter } : short
}
