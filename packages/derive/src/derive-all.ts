import { MortiseError, toFailure } from '@mortise/errors'
import type { RenderResult } from '@mortise/image'
import type { Derived, Location, Plan } from '@mortise/plan'
import { isImage } from '@mortise/storage'
import type { DeriveDeps } from './derive.ts'
import { createGate, type Gate } from './gate.ts'
import { lookForDerivative, readDerived, storeDerivative } from './stored.ts'
import { createLeaveTrace } from './trace.ts'

/** All derivatives of one original: a batch, as the queue has it. */
export type Wanted = { original: Location; plans: Plan[] }

export type AllMade = {
  made: number
  /** They were there already, and of the current original. */
  skipped: number
  /** One for each that could not be made; `plan` is its id. */
  failures: { plan: string; failure: ReturnType<typeof toFailure> }[]
  /** The original was replaced or deleted meanwhile: nothing of the one before stays. */
  dropped?: true
}

/**
 * Makes what is missing of these derivatives from one reading of their original. Throws what may pass
 * (`storage_unavailable`, `overloaded`), and `signal.reason`; an original that is too large or cannot be decoded is a
 * failure of each, and of what is no image there is nothing to make.
 */
export type DeriveAll = (wanted: Wanted, options: { signal: AbortSignal }) => Promise<AllMade>

export function createDeriveAll(deps: Omit<DeriveDeps, 'originals'> & { originals: number }): DeriveAll {
  const bounds = { slots: deps.originals, timeout: deps.limits.storageTimeout, now: deps.now }
  const [reads, writes] = [createGate(bounds), createGate(bounds)]
  const parts = { ...deps, reads, writes, leaveTrace: createLeaveTrace(deps, writes) }
  return (wanted, { signal }) => deriveAll(parts, wanted, signal)
}

type Parts = DeriveDeps & { reads: Gate; writes: Gate; leaveTrace: ReturnType<typeof createLeaveTrace> }

async function deriveAll(parts: Parts, { original, plans }: Wanted, signal: AbortSignal): Promise<AllMade> {
  const { changes, images, overlays, now } = parts
  const result: AllMade = { made: 0, skipped: 0, failures: [] }
  const fail = (plan: Plan, error: unknown) => result.failures.push({ plan: plan.id, failure: toFailure(error) })
  const mark = changes.mark(original.key)
  using _slot = await parts.reads.enter(original.storage, signal)
  const read = await parts.reads
    .call(original.storage, signal, limited => readOriginal(parts, original, limited))
    .catch(error => {
      if (signal.aborted || !(error instanceof MortiseError) || error.retry) throw error
      for (const plan of plans) fail(plan, error)
      return null
    })
  if (!read) return result
  if (read === 'gone') return { ...result, dropped: true }
  if (read === 'no image') return { ...result, skipped: plans.length }
  const missing = await findMissing(parts, plans, read.version, result, signal)
  const variants = await Promise.all(
    missing.map(async plan => ({
      ...{ passes: plan.passes, output: plan.output },
      overlays: await overlays.collect(plan.passes, signal).catch(error => {
        if (signal.aborted) throw signal.reason
        fail(plan, error)
        return null
      }),
    })),
  )
  const ready = missing.flatMap((plan, index) => {
    const variant = variants[index]
    return variant?.overlays ? [{ plan, variant: { ...variant, overlays: variant.overlays } }] : []
  })
  const stored: Plan[] = []
  const onEnd = async (index: number, end: RenderResult) => {
    const plan = ready[index]?.plan
    if (!plan) return
    if (!end.ok) return void fail(plan, end.error)
    if (!mark.isCurrent()) throw outdated
    const { bytes, contentType, etag, width, height } = end.rendered
    const facts = { size: bytes.byteLength, contentType, etag, width, height }
    const derived: Derived = { ...facts, original: read.version, lastModified: now() }
    stored.push(plan)
    await storeDerivative(parts, parts.writes, plan, derived, bytes, signal)
    await parts.leaveTrace(plan, read.version, signal)
    result.made++
  }
  try {
    const all = { bytes: read.bytes, variants: ready.map(({ variant }) => variant), signal, onEnd }
    if (ready.length > 0) await images.renderAll(all)
    if (mark.isCurrent()) return result
  } catch (error) {
    if (error !== outdated) throw error
  }
  // Who changed the original has deleted its derivatives, these perhaps not yet.
  for (const { derivative } of stored) await parts.storage(derivative.storage).delete(derivative, signal)
  return { ...result, made: 0, dropped: true }
}

/** The original is not the one that was read. */
const outdated = new MortiseError('cancelled', 'the original changed')

async function readOriginal({ storage, limits }: Parts, original: Location, signal: AbortSignal) {
  await using object = await storage(original.storage).get(original, { signal })
  if (!object) return 'gone'
  const { info } = object
  if (!isImage(info)) return 'no image'
  if (info.size > limits.inputBytes) throw new MortiseError('too_large', `original: ${info.size} bytes`)
  return { bytes: await object.bytes(limits.inputBytes), version: info.etag }
}

/** Counts those that are there, and refuses those that may not be made here. */
async function findMissing(parts: Parts, plans: Plan[], version: string, result: AllMade, signal: AbortSignal) {
  const missing: Plan[] = []
  for (const plan of plans) {
    const refusal = refuse(parts, plan)
    if (refusal) {
      result.failures.push({ plan: plan.id, failure: toFailure(refusal) })
      continue
    }
    const info = await lookForDerivative(parts, plan, signal)
    const derived = info && readDerived(info, plan.id, version)
    if (!derived) {
      missing.push(plan)
      continue
    }
    await parts.leaveTrace(plan, version, signal)
    result.skipped++
  }
  return missing
}

function refuse({ isSameObject, storage }: Parts, { original, derivative }: Plan): MortiseError | null {
  const { storage: name } = derivative
  if (!name.endsWith('/transform')) return new MortiseError('invalid_request', `a derivative is not stored in ${name}`)
  if (storage(name).kind === 'noop') return new MortiseError('unsupported', 'the storage of derivatives keeps nothing')
  if (!isSameObject(original, derivative)) return null
  return new MortiseError('invalid_config', 'the derivative would take the place of its original')
}
