import { addAbortSignal, type Readable } from 'node:stream'
import type { Location } from '@mortise/plan'
import { type BodyCheck, type VerifiedBody, verifyBody } from '@mortise/s3-auth/body'
import { S3Refusal } from '@mortise/s3-auth/refusal'
import type { NewObject, ObjectInfo, Storage } from '@mortise/storage'
import { keeping } from './checksum.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'

/** How long the body is; throws when the client did not say, or says too much. */
export function sizeOf({ size }: BodyCheck, { uploadBytes }: Pick<S3Deps, 'uploadBytes'>): number {
  if (size === undefined) throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.')
  if (size <= uploadBytes) return size
  throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed object size.', {
    MaxSizeAllowed: String(uploadBytes),
  })
}

export type BodyToStore = { source: Readable; check: BodyCheck; size: number }

/**
 * Stores a body while it is checked; when anything is wrong with it, nothing is stored and it throws the `S3Refusal`.
 * `tap`: a stream that the bytes pass on their way.
 */
export async function storeBody(
  storage: Storage,
  at: Pick<Location, 'bucket' | 'key'>,
  { source, check, size }: BodyToStore,
  facts: Omit<NewObject, 'body' | 'size'>,
  signal: AbortSignal,
  through?: (stream: Readable) => Readable,
): Promise<{ info: ObjectInfo; checksums: Record<string, string> }> {
  const verified = verifyBody(source, check)
  const failure = failureOf(verified)
  try {
    // An empty body has no last byte that could be held back until the rest is proven.
    if (size === 0) await addAbortSignal(signal, verified.stream).forEach(() => {})
    const body = size === 0 ? new Uint8Array() : through ? through(verified.stream) : verified.stream
    // Parts have their checksums in their names.
    const checksum = facts.md5 ? keeping(check, facts.metadata, verified.checksums) : {}
    const info = await storage.put(at, { ...facts, ...checksum, body, size }, signal)
    return { info, checksums: checksumHeaders(verified) }
  } catch (error) {
    throw failure() ?? error
  } finally {
    verified.stream.destroy()
  }
}

/** A storage only says that the stream broke off; why, the stream knows. */
function failureOf({ stream }: VerifiedBody): () => S3Refusal | null {
  let failure: S3Refusal | null = null
  stream.on('error', error => {
    if (error instanceof S3Refusal) failure ??= error
  })
  return () => failure
}

function checksumHeaders(verified: VerifiedBody): Record<string, string> {
  return Object.fromEntries(
    Object.entries(verified.checksums()).map(([algorithm, sum]) => [`x-amz-checksum-${algorithm}`, sum]),
  )
}
