import type { ByteRange, StoredObject } from '@mortise/storage'
import type { Fields } from './fields.ts'

/** A representation that is ready to be sent: whole, in part, or only its validators. */
export type Entity = {
  /** The fields of its 200, without `content-length`. */
  fields: Fields
  /** Quoted. */
  etag: string
  /** Milliseconds since the epoch. */
  lastModified: number
  /** Bytes of the whole. */
  size: number
  body: Body
}

export type Body =
  /** Shared: nobody may write to it. */
  | { kind: 'bytes'; bytes: Uint8Array }
  /** Open, and to be read or disposed by who holds it. `reopen` gives another part. */
  | { kind: 'stored'; object: StoredObject; reopen(range: ByteRange): Promise<StoredObject> }
  /** For HEAD. */
  | { kind: 'none' }
