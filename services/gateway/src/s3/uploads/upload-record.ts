import { type ChecksumAlgorithm, isChecksumAlgorithm } from '@mortise/s3-auth/checksums'
import type { StoredObject } from '@mortise/storage'
import { z } from 'zod'
import type { ChecksumType } from '../checksum.ts'
import type { ObjectFacts } from '../object-headers.ts'

/** What an upload is to become. */
export type UploadRecord = {
  /** With a leading slash. */
  key: string
  facts: ObjectFacts
  /** The access key of who began it. */
  initiator: string
  /** Which checksum the client wants to be kept, and of what. */
  checksum?: { algorithm: ChecksumAlgorithm; type: ChecksumType }
}

const maxBytes = 64 * 1024

const schema = z.object({
  key: z.string().startsWith('/'),
  facts: z.object({
    contentType: z.string().exactOptional(),
    cacheControl: z.string().exactOptional(),
    contentEncoding: z.string().exactOptional(),
    contentLanguage: z.string().exactOptional(),
    contentDisposition: z.string().exactOptional(),
    expires: z.string().exactOptional(),
    metadata: z.record(z.string(), z.string()).exactOptional(),
  }),
  initiator: z.string(),
  checksum: z
    .object({
      algorithm: z.string().refine(isChecksumAlgorithm),
      type: z.literal(['FULL_OBJECT', 'COMPOSITE']),
    })
    .exactOptional(),
})

export function printRecord(record: UploadRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record))
}

/** Reads it from its object, which it closes; `null` when it is none. */
export async function readRecord(object: StoredObject): Promise<UploadRecord | null> {
  await using open = object
  const text = Buffer.from(await open.bytes(maxBytes)).toString()
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return null
  }
}
