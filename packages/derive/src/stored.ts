import { MortiseError } from '@mortise/errors'
import type { Derived, Plan } from '@mortise/plan'
import type { ObjectInfo } from '@mortise/storage'
import { isWhole, readRecord, writeRecord } from '@mortise/storage/record'
import type { DeriveDeps } from './derive.ts'
import { type Gate, slowAfter } from './gate.ts'

/** A storage that cannot say soon holds nothing: rendering once too often is better than not answering. */
export async function lookForDerivative(
  { storage }: Pick<DeriveDeps, 'storage'>,
  { derivative }: Plan,
  signal: AbortSignal,
) {
  const soon = AbortSignal.timeout(slowAfter)
  try {
    return await storage(derivative.storage).head(derivative, AbortSignal.any([signal, soon]))
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof MortiseError || soon.aborted) return null
    throw error
  }
}

export function readDerived(info: ObjectInfo, plan: string, original: string): Derived | null {
  const record = readRecord(info)
  if (record.plan !== plan || record.original !== original || !isWhole(info)) return null
  const { etag, width, height, modified } = record
  if (!etag || !width || !height || !modified || !info.contentType) return null
  return { size: info.size, contentType: info.contentType, etag, original, lastModified: modified, width, height }
}

export async function storeDerivative(
  { storage }: Pick<DeriveDeps, 'storage'>,
  writes: Gate,
  { id, derivative }: Plan,
  { size, contentType, etag, original, width, height, lastModified: modified }: Derived,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const metadata = writeRecord({ size, width, height, plan: id, original, etag, modified })
  // What a power cut takes is found torn by its record, and made again: no client waits for a disk because of it.
  const object = { body: bytes, size, contentType, metadata, sync: false }
  using _slot = await writes.enter(derivative.storage, signal)
  await writes.call(derivative.storage, signal, limited => storage(derivative.storage).put(derivative, object, limited))
}
