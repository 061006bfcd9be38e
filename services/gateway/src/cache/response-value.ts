import { z } from 'zod'
import type { Entity } from '../http/entity.ts'
import { legalFields } from '../http/fields.ts'

export type WholeEntity = Entity & { body: { kind: 'bytes' } }

/** Raised when values that were written before can no longer be read. It is part of their keys. */
export const valueFormat = 1

/** What stands before the body, at most. */
export const maxHeadBytes = 64 * 1024

/**
 * A response as one value: four bytes for the length of the head (big endian), the head as JSON, and the body as it is.
 * `until`, in milliseconds since the epoch: when it is no longer fresh.
 */
export function printResponse({ fields, etag, lastModified, body }: WholeEntity, until: number): Uint8Array[] {
  const head = Buffer.from(JSON.stringify({ fields, etag, lastModified, size: body.bytes.byteLength, until }))
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt32BE(head.byteLength)
  return [length, head, body.bytes]
}

/** Reads it back; `null` for whatever is no such value, or not all of it. The body is a view. */
export function readResponse(value: Uint8Array): { entity: WholeEntity; until: number } | null {
  if (value.byteLength < lengthBytes) return null
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const start = lengthBytes + view.getUint32(0)
  if (start > value.byteLength || start > maxHeadBytes) return null
  const head = readHead(value.subarray(lengthBytes, start))
  const bytes = value.subarray(start)
  if (!head || head.size !== bytes.byteLength) return null
  const { until, ...described } = head
  return { entity: { ...described, body: { kind: 'bytes', bytes } }, until }
}

const lengthBytes = 4

/** They say how a message is sent, which is decided when it is; or they belong to one client. */
const ofOneMessage =
  /^(connection|content-length|content-range|keep-alive|set-cookie|te|trailer|transfer-encoding|upgrade)$/

const fields = z
  .record(z.string().regex(/^[a-z0-9!#$%&'*+.^_`|~-]{1,200}$/), z.string().max(16 * 1024))
  .refine(fields => !Object.keys(fields).some(name => ofOneMessage.test(name)))
  .refine(fields => Object.keys(legalFields({ ...fields })).length === Object.keys(fields).length)

const headSchema = z.strictObject({
  fields,
  etag: z.string().regex(/^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$|^$/),
  lastModified: z.number().min(-8.64e15).max(8.64e15),
  size: z.int().nonnegative(),
  until: z.number(),
})

function readHead(bytes: Uint8Array): z.infer<typeof headSchema> | null {
  try {
    return (
      headSchema.safeParse(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())).data ??
      null
    )
  } catch {
    return null
  }
}
