import { MortiseError } from '@mortise/errors'
import type { ImagePool } from '@mortise/image'
import type { Plan } from '@mortise/plan'
import type { Derived } from '@mortise/queue'
import { isImage, type ObjectInfo, type Storage } from '@mortise/storage'
import { isWhole, readRecord, writeRecord } from '@mortise/storage/record'
import { createGate, type Gate, slowAfter } from './gate.ts'

export type DeriveDeps = {
  /** By name as in a Plan (`<bucket>/<name>`). Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  images: ImagePool
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

/** `bytes` is `null` when the derivative was there already and nothing was rendered. */
export type Made = { derived: Derived; bytes: Uint8Array | null }

/**
 * Makes one derivative: reads the original, renders, stores. Throws `no_such_object` when there is no original or it is
 * no image, `too_large`, what `ImagePool.render` throws, `storage_unavailable`, and `signal.reason`.
 */
export type Derive = (plan: Plan, options: DeriveOptions) => Promise<Made>

export function createDerive(deps: DeriveDeps): Derive {
  const bounds = { slots: deps.originals, timeout: deps.limits.storageTimeout, now: deps.now }
  const [reads, writes] = [createGate(bounds), createGate(bounds)]
  return async (plan, { signal, onRendered }) => {
    // Whoever can write to the queue must not be able to write over originals.
    if (!plan.derivative.storage.endsWith('/transform')) {
      throw new MortiseError('invalid_request', `a derivative is not stored in ${plan.derivative.storage}`)
    }
    const found = await renderUnlessStored(deps, reads, plan, signal)
    if (found.derived) return { derived: found.derived, bytes: null }
    const { rendered, version } = found
    const { bytes, contentType, etag, width, height } = rendered
    const derived = { size: bytes.byteLength, contentType, etag, lastModified: deps.now(), width, height }
    onRendered(derived, bytes)
    await store(deps, writes, plan, derived, bytes, version, signal)
    return { derived, bytes }
  }
}

/**
 * Somebody may have made it between the look into the storage that queued this job and now, or a worker may have died
 * after it stored and before it said so. The look is taken while the original is read, so that it costs no time.
 */
async function renderUnlessStored(deps: DeriveDeps, reads: Gate, plan: Plan, signal: AbortSignal) {
  const { original, passes, output } = plan
  using _slot = await reads.enter(original.storage, signal)
  const [{ bytes, version }, stored] = await Promise.all([
    reads.call(original.storage, signal, limited => readOriginal(deps, plan, limited)),
    lookForDerivative(deps, plan, signal),
  ])
  const derived = stored && readDerived(stored, plan.id, version)
  if (derived) return { derived }
  return { derived: null, rendered: await deps.images.render({ bytes, passes, output, signal }), version }
}

async function readOriginal({ storage, limits }: DeriveDeps, { original }: Plan, signal: AbortSignal) {
  await using object = await storage(original.storage).get(original, { signal })
  if (!object) throw new MortiseError('no_such_object', 'no such original')
  const { info } = object
  if (!isImage(info)) throw new MortiseError('no_such_object', 'original: not an image')
  if (info.size > limits.inputBytes) throw new MortiseError('too_large', `original: ${info.size} bytes`)
  return { bytes: await object.bytes(limits.inputBytes), version: info.etag }
}

/** A storage that cannot say soon holds nothing: rendering once too often is better than not answering. */
async function lookForDerivative({ storage }: DeriveDeps, { derivative }: Plan, signal: AbortSignal) {
  try {
    return await storage(derivative.storage).head(derivative, AbortSignal.any([signal, AbortSignal.timeout(slowAfter)]))
  } catch {
    return null
  }
}

function readDerived(info: ObjectInfo, plan: string, original: string): Derived | null {
  const record = readRecord(info)
  if (record.plan !== plan || record.original !== original || !isWhole(info)) return null
  const { etag, width, height, modified } = record
  if (!etag || !width || !height || !modified || !info.contentType) return null
  return { size: info.size, contentType: info.contentType, etag, lastModified: modified, width, height }
}

async function store(
  { storage }: DeriveDeps,
  writes: Gate,
  { id, derivative }: Plan,
  { size, contentType, etag, width, height, lastModified: modified }: Derived,
  bytes: Uint8Array,
  original: string,
  signal: AbortSignal,
): Promise<void> {
  const metadata = writeRecord({ size, width, height, plan: id, original, etag, modified })
  // What a power cut takes is found torn by its record, and made again: no client waits for a disk because of it.
  const object = { body: bytes, size, contentType, metadata, sync: false }
  using _slot = await writes.enter(derivative.storage, signal)
  await writes.call(derivative.storage, signal, limited => storage(derivative.storage).put(derivative, object, limited))
}
