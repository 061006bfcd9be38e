import type { Readable } from 'node:stream'
import type { Mark } from '@mortise/changes'
import type { ByteRange, StoredObject } from '@mortise/storage'
import type { Fields } from './fields.ts'

/** A representation that is ready to be sent: whole, in part, or only its validators. */
export type Entity = {
  /** The fields of its 200, without `content-length`. */
  fields: Fields
  /** Quoted; empty when there is none. */
  etag: string
  /** Milliseconds since the epoch. */
  lastModified: number
  /** Bytes of the whole. */
  size: number
  body: Body
  /** Of the original, as it was when somebody began to read it. A copy of another version counts as absent. */
  version?: Mark
}

export type Body =
  /** Shared: nobody may write to it. */
  | { kind: 'bytes'; bytes: Uint8Array }
  /** Open, and to be read or disposed by who holds it. `reopen` gives another part. */
  | { kind: 'stored'; object: StoredObject; reopen(range: ByteRange): Promise<StoredObject> }
  /** For HEAD. */
  | { kind: 'none' }

/** A representation in a content coding: how long it will be is not known before it has been sent. */
export type Encoded = Omit<Entity, 'size' | 'body'> & {
  /** `stream`: to be read or destroyed by who holds it; `null` when the answer has no body. */
  body: { kind: 'encoded'; stream: Readable | null }
}
