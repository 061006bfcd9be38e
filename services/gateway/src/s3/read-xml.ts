import { addAbortSignal } from 'node:stream'
import { verifyBody } from '@mortise/s3-auth/body'
import type { BucketCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { type Element, malformed, parseXml } from './xml.ts'

/** Ten thousand parts, or a thousand keys with every character escaped, are less. */
const maxBytes = 4 * 1024 * 1024
/** Documents are in memory while they come, so they have to come soon. */
const deadlineMs = 60_000

/** The document in the body, checked as any other body. Throws `overloaded` when too much of others is in memory. */
export async function readXml(
  call: Signed<BucketCall>,
  root: string,
  deps: Pick<S3Deps, 'documents'>,
): Promise<Element> {
  const bytes = await readAll(call, deps)
  try {
    return parseXml(new TextDecoder('utf-8', { fatal: true }).decode(bytes), root)
  } catch (error) {
    throw error instanceof S3Error ? error : malformed()
  }
}

async function readAll(
  { body, check, signal }: Signed<BucketCall>,
  { documents }: Pick<S3Deps, 'documents'>,
): Promise<Uint8Array> {
  if ((check.size ?? 0) > maxBytes) throw tooLarge()
  const late = AbortSignal.timeout(deadlineMs)
  const { stream } = verifyBody(body(), check)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of addAbortSignal(AbortSignal.any([signal, late]), stream)) {
      documents.take(chunk.length)
      size += chunk.length
      if (size > maxBytes) throw tooLarge()
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    throw late.aborted ? new S3Error('RequestTimeout', 'The document took too long.') : error
  } finally {
    documents.give(size)
  }
}

function tooLarge(): S3Error {
  return new S3Error('EntityTooLarge', 'The document is longer than any that is understood.')
}
