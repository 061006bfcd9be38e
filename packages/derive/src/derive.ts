import type { Changes } from '@mortise/changes'
import { MortiseError } from '@mortise/errors'
import type { ImagePool } from '@mortise/image'
import type { Derived, Location, Plan } from '@mortise/plan'
import { isImage, type Storage } from '@mortise/storage'
import { createGate, type Gate } from './gate.ts'
import type { Overlays } from './overlays.ts'
import { createRefused, type Refused } from './refused.ts'
import { lookForDerivative, readDerived, storeDerivative } from './stored.ts'
import { createLeaveTrace, type TraceOf } from './trace.ts'

export { type AllMade, createDeriveAll, type DeriveAll, type Wanted } from './derive-all.ts'
export { createOverlays, type Overlays, type OverlaysOptions } from './overlays.ts'

export type DeriveDeps = {
  /** By name as in a Plan (`<bucket>/<name>`). Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  images: ImagePool
  /** Not disposed here. */
  overlays: Overlays
  changes: Pick<Changes, 'mark'>
  /** Both are one object: what is stored as one would take the place of the other. */
  isSameObject(one: Location, other: Location): boolean
  traceOf: TraceOf
  /** Originals in memory at one time, being read or rendered; and as many derivatives, being stored. */
  originals: number
  limits: {
    /** Bytes of an original. */
    inputBytes: number
    /** Milliseconds to read an original, and to store a derivative. */
    storageTimeout: number
  }
  /** Milliseconds since the epoch. */
  now(): number
}

export type DeriveOptions = {
  signal: AbortSignal
  /** Called once, when the bytes exist and before they are stored. They are shared: nobody may write to them. */
  onRendered(derived: Derived, bytes: Uint8Array): void
}

/**
 * `bytes` is `null` when the derivative was there already and nothing was rendered. `stored` is `false` when its storage
 * keeps nothing: then the bytes are all there is of it.
 */
export type Made = { derived: Derived; bytes: Uint8Array | null; stored: boolean }

/**
 * Makes one derivative: reads the original, renders, stores. Throws `no_such_object` when there is no original or it is
 * no image, `too_large`, what `Overlays.collect` and `ImagePool.render` throw, `storage_unavailable`, `invalid_config`
 * when the derivative would take the place of its original, and `signal.reason`.
 */
export type Derive = (plan: Plan, options: DeriveOptions) => Promise<Made>

export function createDerive(deps: DeriveDeps): Derive {
  const bounds = { slots: deps.originals, timeout: deps.limits.storageTimeout, now: deps.now }
  const [reads, writes] = [createGate(bounds), createGate(bounds)]
  const leaveTrace = createLeaveTrace(deps, writes)
  const parts = { ...deps, reads, refused: createRefused(deps.now) }
  return async (plan, { signal, onRendered }) => {
    // Whoever can write to the queue must not be able to write over originals.
    if (!plan.derivative.storage.endsWith('/transform')) {
      throw new MortiseError('invalid_request', `a derivative is not stored in ${plan.derivative.storage}`)
    }
    const { mark, ...found } = await renderCurrent(parts, plan, signal)
    // Whoever stored it may have ended before he left a trace of it.
    if (found.derived) {
      await leaveTrace(plan, found.derived.original, signal)
      return { derived: found.derived, bytes: null, stored: true }
    }
    const { rendered, version: original } = found
    const { bytes, contentType, etag, width, height } = rendered
    const derived = { size: bytes.byteLength, contentType, etag, original, lastModified: deps.now(), width, height }
    onRendered(derived, bytes)
    if (deps.isSameObject(plan.original, plan.derivative)) {
      throw new MortiseError(
        'invalid_config',
        'the derivative is not stored, because it would take the place of its original',
      )
    }
    await storeDerivative(deps, writes, plan, derived, bytes, signal)
    await leaveTrace(plan, original, signal)
    // Who changed the original has deleted its derivatives, this one perhaps not yet.
    if (!mark.isCurrent()) await withdraw(deps, plan, signal)
    return { derived, bytes, stored: deps.storage(plan.derivative.storage).kind !== 'noop' }
  }
}

type Parts = DeriveDeps & { reads: Gate; refused: Refused }

/** How often an original is read that has changed before its derivative was there. */
const maxReads = 3

/** What nobody is told when the original has changed meanwhile: who asks after the change wants the new one. */
async function renderCurrent(parts: Parts, plan: Plan, signal: AbortSignal) {
  for (let reads = 1; reads <= maxReads; reads++) {
    const mark = parts.changes.mark(plan.original.key)
    const found = await renderUnlessStored(parts, plan, signal)
    if (mark.isCurrent()) return { mark, ...found }
  }
  throw changing()
}

/** Throws, so that who still waits for what is taken away here gets another one. */
async function withdraw({ storage }: DeriveDeps, { derivative }: Plan, signal: AbortSignal): Promise<never> {
  await storage(derivative.storage).delete(derivative, signal)
  throw changing()
}

const changing = () => new MortiseError('storage_unavailable', 'the original changes while its derivative is made')

/**
 * Somebody may have made it between the look into the storage that queued this job and now, or a worker may have died
 * after it stored and before it said so. The look is taken while the original is read, so that it costs no time; what is
 * laid over the original comes at the same time.
 */
async function renderUnlessStored(parts: Parts, plan: Plan, signal: AbortSignal) {
  const { original, passes, output } = plan
  using _slot = await parts.reads.enter(original.storage, signal)
  const end = new AbortController()
  const limited = AbortSignal.any([signal, end.signal])
  const coming = parts.overlays.collect(passes, limited)
  // It is waited for last: that there is no original is the better answer than that there is no watermark.
  coming.catch(() => {})
  try {
    const [{ bytes, version }, stored] = await Promise.all([
      parts.reads.call(original.storage, limited, inTime => readOriginal(parts, plan, inTime)),
      lookForDerivative(parts, plan, limited),
    ])
    const derived = stored && readDerived(stored, plan.id, version)
    if (derived) return { derived }
    const overlays = await coming
    const rendering = parts.images.render({ bytes, passes, output, overlays, signal })
    // It could be one of them that cannot be decoded.
    if (overlays.size === 0) rendering.catch(error => parts.refused.note(plan, version, error))
    return { derived: null, rendered: await rendering, version }
  } finally {
    // Nobody has a use for what is still under way.
    end.abort()
  }
}

async function readOriginal({ storage, limits, refused }: Parts, { original }: Plan, signal: AbortSignal) {
  await using object = await storage(original.storage).get(original, { signal })
  if (!object) throw new MortiseError('no_such_object', 'no such original')
  const { info } = object
  if (!isImage(info)) throw new MortiseError('no_such_object', 'original: not an image')
  if (info.size > limits.inputBytes) throw new MortiseError('too_large', `original: ${info.size} bytes`)
  refused.check(original, info.etag)
  return { bytes: await object.bytes(limits.inputBytes), version: info.etag }
}
