import type { Mark } from '@mortise/changes'
import { MortiseError, toFailure } from '@mortise/errors'
import type { Rendered, RenderResult } from '@mortise/image'
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
 * (`storage_unavailable`, `overloaded`), and `signal.reason`; an original that is no image, is too large or cannot be
 * decoded is a failure of each.
 */
export type DeriveAll = (wanted: Wanted, options: { signal: AbortSignal }) => Promise<AllMade>

/** With gates of its own, so that it never takes the place of one that somebody waits for. */
export function createDeriveAll(deps: DeriveDeps): DeriveAll {
  const bounds = { slots: deps.originals, timeout: deps.limits.storageTimeout, now: deps.now }
  const [reads, writes] = [createGate(bounds), createGate(bounds)]
  const parts = { ...deps, reads, writes, leaveTrace: createLeaveTrace(deps, writes) }
  return async ({ original, plans }, { signal }) => {
    using _slot = await reads.enter(original.storage, signal)
    const mark = deps.changes.mark(original.key)
    const result: AllMade = { made: 0, skipped: 0, failures: [] }
    const fail = (plan: Plan, error: unknown) => result.failures.push({ plan: plan.id, failure: toFailure(error) })
    const read = await reads
      .call(original.storage, signal, limited => readOriginal(parts, original, limited))
      .catch(error => {
        if (signal.aborted || !(error instanceof MortiseError) || error.retry) throw error
        for (const plan of plans) fail(plan, error)
        return null
      })
    if (!read) return result
    if (read === 'gone') return { ...result, dropped: true }
    const missing = await findMissing(parts, plans, read.version, result, signal)
    const stored: Plan[] = []
    const run: Run = { ...{ original, read, mark, missing, fail, signal }, onStored: plan => stored.push(plan) }
    const isCurrent = await makeAll(parts, run).catch(async error => {
      // What was stored so far is to go as well when it is outdated.
      if (!mark.isCurrent()) await withdraw(parts, stored)
      throw error
    })
    if (isCurrent) return { ...result, made: stored.length }
    await withdraw(parts, stored)
    return { ...result, dropped: true }
  }
}

type Parts = DeriveDeps & { reads: Gate; writes: Gate; leaveTrace: ReturnType<typeof createLeaveTrace> }

type Run = {
  original: Location
  read: { bytes: Uint8Array<ArrayBuffer>; version: string }
  mark: Mark
  missing: Plan[]
  fail(plan: Plan, error: unknown): void
  /** Called before it is: who changes the original meanwhile may or may not find it. */
  onStored(plan: Plan): void
  signal: AbortSignal
}

/** `false`: the original is not the one that was read, and those that are stored are to be withdrawn. */
async function makeAll(parts: Parts, run: Run): Promise<boolean> {
  const { read, mark, signal } = run
  const ready = await collectOverlays(parts, run)
  if (ready.length === 0) return mark.isCurrent()
  const outdated = new MortiseError('cancelled', 'the original has changed')
  const variants = ready.map(({ plan: { passes, output }, overlays }) => ({ passes, output, overlays }))
  const onEnd = async (index: number, end: RenderResult) => {
    const plan = ready[index]?.plan
    if (!mark.isCurrent()) throw outdated
    if (!plan) return
    if (end.ok) await store(parts, run, plan, end.rendered)
    else run.fail(plan, end.error)
  }
  try {
    await parts.images.renderAll({ bytes: read.bytes, variants, signal, onEnd })
  } catch (error) {
    if (error === outdated) return false
    throw error
  }
  return (await isUnchanged(parts, run)) && mark.isCurrent()
}

async function collectOverlays({ overlays }: Parts, { missing, fail, signal }: Run) {
  const collected = await Promise.all(
    missing.map(async plan => {
      try {
        return { plan, overlays: await overlays.collect(plan.passes, signal) }
      } catch (error) {
        signal.throwIfAborted()
        fail(plan, error)
        return null
      }
    }),
  )
  return collected.filter(one => one !== null)
}

async function store(parts: Parts, { read, signal, onStored }: Run, plan: Plan, rendered: Rendered): Promise<void> {
  const { bytes, contentType, etag, width, height } = rendered
  const facts = { size: bytes.byteLength, contentType, etag, width, height }
  const derived: Derived = { ...facts, original: read.version, lastModified: parts.now() }
  onStored(plan)
  await storeDerivative(parts, parts.writes, plan, derived, bytes, signal)
  await parts.leaveTrace(plan, read.version, signal)
}

/** Not everybody who changes an original says so. */
async function isUnchanged({ storage, reads }: Parts, { original, read, signal }: Run): Promise<boolean> {
  const info = await reads.call(original.storage, signal, limited => storage(original.storage).head(original, limited))
  return info?.etag === read.version
}

/** Who changed the original has deleted its derivatives, these perhaps not yet. Also when nobody waits any more. */
async function withdraw({ storage, limits }: Parts, stored: Plan[]): Promise<void> {
  const signal = AbortSignal.timeout(limits.storageTimeout)
  for (const { derivative } of stored) await storage(derivative.storage).delete(derivative, signal)
}

async function readOriginal({ storage, limits }: Parts, original: Location, signal: AbortSignal) {
  await using object = await storage(original.storage).get(original, { signal })
  if (!object) return 'gone'
  const { info } = object
  if (!isImage(info)) throw new MortiseError('no_such_object', 'original: not an image')
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
