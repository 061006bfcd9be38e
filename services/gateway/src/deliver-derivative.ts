import { setTimeout } from 'node:timers/promises'
import type { Mark } from '@mortise/changes'
import { fromFailure, MortiseError } from '@mortise/errors'
import type { Plan } from '@mortise/plan'
import type { Outcome, SubmitOptions } from '@mortise/queue'
import type { StoredObject } from '@mortise/storage'
import type { Delivery } from './cache/responses.ts'
import type { Accepted, Deliver, DerivativeResolution, Parts, Replacement } from './deliver.ts'
import { comesFromMortise } from './http/cdn-loop.ts'
import type { Entity } from './http/entity.ts'
import { isCurrent } from './open.ts'

/** Why there is no derivative: something about its original or its making, for which a placeholder may stand in. */
type Failed = { error: unknown }
type Made = Omit<Extract<Outcome, { ok: true }>, 'ok'>
export type MadeOrFailed = Made | Failed

export async function deliverDerivative(
  parts: Parts,
  resolution: DerivativeResolution,
  { explain, cdnLoop, respondAsync, signal }: Parameters<Deliver['derivative']>[1],
): Promise<Delivery | Replacement | Accepted> {
  const { responses, placeholders, entities, metrics, settings, changes } = parts
  const { plan, checkParent, negotiated } = resolution
  const ttl = checkParent ? 0 : settings.ttl
  // One plan can be the answer to a URL that negotiates and to one that does not; only the former says Vary.
  const cacheKey = negotiated ? `${plan.id} negotiated` : plan.id
  const replace = ({ error }: Failed): Replacement => {
    if (explain || signal.aborted || !placeholders?.replaces(error)) throw error
    return { error, standIn: placeholders.standIn(plan) }
  }

  const version = changes.mark(plan.original.key)
  const cached = await responses.find(cacheKey, { ttl, shared: true, version })
  if (cached) return cached
  const found = await findStored(parts, resolution, signal)
  if ('error' in found) return replace(found)
  if (found.object) {
    metrics.requestType.inc({ type: 'download' })
    return responses.keep(cacheKey, { ...entities.derivative(resolution, found.object, signal), version }, ttl)
  }
  refuseLoop(resolution, cdnLoop)
  // What nobody keeps would not be there for who asks again.
  const postponed = parts.storage(plan.derivative.storage).kind === 'noop' ? null : respondAsync
  const deadline = parts.now() + (postponed?.waitMs ?? settings.requestTimeout)
  const making = { version, deadline, signal }
  for (let tries = 1; tries <= maxTries; tries++) {
    const made = await (postponed ? makeLater : make)(parts, resolution, making)
    if ('retryAfter' in made) return made
    if ('error' in made) return replace(made)
    if (await isOutdated(parts, plan, made, signal)) {
      await setTimeout(restMs * 4 ** tries, undefined, { signal })
      continue
    }
    const entity = await entityOf(parts, resolution, made, signal)
    if (entity) return responses.keep(cacheKey, { ...entity, version }, ttl)
  }
  throw new MortiseError('storage_unavailable', 'derivative: others take its place')
}

/** A service whose watermark is at its own address would wait for itself, as often as its URL says. */
function refuseLoop({ plan }: DerivativeResolution, cdnLoop: string | string[] | undefined): void {
  const fetches = plan.passes.flat().some(step => step.op === 'watermark' && !step.image.startsWith('file:'))
  if (!fetches || !comesFromMortise(cdnLoop)) return
  throw new MortiseError('invalid_request', 'watermark: a watermark that has a watermark of its own')
}

/** How often a derivative is made that another one has replaced afterwards, or whose original was. */
const maxTries = 3

/** Milliseconds, four times as long at every try: for the job of the original that was, whose result is being stored. */
const restMs = 20

/** Throws what fails in the storage of derivatives; a placeholder does not hide that, as in mort. */
async function findStored(
  { opener, changes }: Parts,
  { plan, checkParent }: DerivativeResolution,
  signal: AbortSignal,
): Promise<{ object: StoredObject | null } | Failed> {
  // A worker may have stored one of the original that was while it changed.
  const strict = changes.isRecent(plan.original.key)
  const parent = checkParent || strict ? opener.head(plan.original, signal) : null
  try {
    return { object: await opener.openCurrent(plan, parent, { strict, signal }) }
  } catch (error) {
    const ofParent = await parent?.then(
      () => null,
      (reason: unknown) => reason,
    )
    if (error === ofParent) return { error }
    throw error
  }
}

type Making = {
  /** Of the original. */
  version: Mark
  /** Milliseconds since the epoch at which the client stops waiting. */
  deadline: number
  signal: AbortSignal
}

/** Queues the plan and waits. */
async function make(parts: Parts, { plan }: DerivativeResolution, { deadline, signal }: Making) {
  const { metrics, now } = parts
  metrics.requestType.inc({ type: 'transform' })
  using _wait = countWait(parts, plan.id)
  const started = now()
  const made = await submit(parts, plan, { lane: 'interactive', deadline, signal })
  if (!('error' in made)) metrics.waitTime.observe(now() - started)
  return made
}

/** Queues the plan for who comes again, and waits only as long as he likes to. */
async function makeLater(
  parts: Parts,
  { plan }: DerivativeResolution,
  { version, deadline, signal }: Making,
): Promise<MadeOrFailed | Accepted> {
  const { later, metrics, settings, now } = parts
  // Those of an original that has changed are others.
  const id = `${plan.id} ${version.stamp}`
  const begin = () => {
    metrics.requestType.inc({ type: 'transform' })
    const unwanted = new AbortController().signal
    return submit(parts, plan, { lane: 'background', deadline: now() + settings.requestTimeout, signal: unwanted })
  }
  try {
    const made = await later.make(id, begin, { waitMs: Math.max(deadline - now(), 0), signal })
    return made === 'later' ? { retryAfter: later.secondsUntil(id) } : made
  } catch (error) {
    return { error }
  }
}

/** Never rejects. */
async function submit({ queue, archive }: Parts, plan: Plan, options: SubmitOptions): Promise<MadeOrFailed> {
  try {
    const outcome = await queue.submit(plan, options)
    if (outcome.ok) return outcome
    // A worker reads nothing but the original that a bucket could have in an archive.
    return { error: archive.told(plan.original, fromFailure(outcome.failure)) }
  } catch (error) {
    return { error }
  }
}

/** A job that began before its original changed may still answer; what it made counts no more. */
async function isOutdated({ opener, changes }: Parts, { original }: Plan, { derived }: Made, signal: AbortSignal) {
  if (!changes.isRecent(original.key)) return false
  const info = await opener.head(original, signal)
  return info?.etag !== derived.original
}

/**
 * Large results come back through the storage. `null` when another one is there: where keys are not of our own making,
 * another plan can have the same one, and its derivative may have taken the place of this one since.
 */
async function entityOf(
  { opener, entities }: Parts,
  resolution: DerivativeResolution,
  { derived, bytes }: Made,
  signal: AbortSignal,
): Promise<Entity | null> {
  if (bytes) return entities.made(resolution, derived, bytes)
  const object = await opener.open(resolution.plan.derivative, null, signal)
  if (!object) throw new MortiseError('storage_unavailable', 'derivative: not stored')
  if (isCurrent(object, resolution.plan)) return entities.derivative(resolution, object, signal)
  await object[Symbol.asyncDispose]()
  return null
}

function countWait({ waiting, metrics }: Parts, id: string): Disposable {
  const others = waiting.get(id) ?? 0
  if (others > 0) metrics.collapsed.inc()
  waiting.set(id, others + 1)
  return {
    [Symbol.dispose]() {
      const left = (waiting.get(id) ?? 1) - 1
      if (left > 0) waiting.set(id, left)
      else waiting.delete(id)
    },
  }
}
