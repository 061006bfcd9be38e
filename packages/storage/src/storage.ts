import type { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'

/**
 * Where an object lives inside one storage.
 *
 * `bucket` is the Mortise bucket that the object belongs to; an adapter whose configuration names a container of its
 * own uses that instead. `key` is decoded text with a leading slash (`/trip/cat.jpg`), to which the adapter adds its
 * `pathPrefix`. Keys with a `.` or `..` segment, a NUL or a backslash are refused ({@link RefusedKey}), never cleaned; so
 * are empty ones and those of more than 1,024 bytes. A kind with folders refuses repeated slashes as well; to every other
 * one `/a//b` is an object of its own. A trailing slash names a folder where there are folders.
 */
export type ObjectRef = { bucket: string; key: string }

/** One range of RFC 9110 section 14.1.2, in bytes: from `start` to `end` inclusive (or to the end), or the last `suffix`. */
export type ByteRange = { start: number; end?: number } | { suffix: number }

/** What is known of an object without reading it. Absent facts are `undefined`. */
export type ObjectInfo = {
  /** Bytes of the whole object, also when only a range of it was opened. */
  size: number
  /** Opaque, without quotes, strong unless `weak` is there: other bytes have another tag. */
  etag: string
  /** The tag only says that the object means the same (RFC 9110 section 8.8.1). */
  weak?: true
  lastModified: Date
  contentType?: string
  cacheControl?: string
  contentEncoding?: string
  contentLanguage?: string
  contentDisposition?: string
  /** The field of that name, as it was given: a text that need be no date. */
  expires?: string
  /** User metadata (`x-amz-meta-*`): lower-case names without that prefix. */
  metadata: Record<string, string>
  /** Further `x-*` fields of an HTTP origin, by lower-case name, which clients are told as they are. */
  extraHeaders?: Record<string, string>
}

/**
 * An open object. It is read once, by one of its two methods, or not at all; disposing closes what is open. The signal
 * of the `get` that opened it governs it to the end: an abort ends a read that is under way and closes the rest.
 */
export type StoredObject = AsyncDisposable & {
  info: ObjectInfo
  /** The bytes that will come, first and last inclusive, when a range was asked for; else `undefined`. */
  range?: { start: number; end: number }
  /** The body (or its range) with back-pressure. Destroying the stream releases the descriptor or socket. */
  stream(): Readable
  /**
   * The body (or its range) in an `ArrayBuffer` of its own, fit for transfer to a thread.
   * Throws `too_large` before or while reading when there are more than `limit` bytes.
   */
  bytes(limit: number): Promise<Uint8Array<ArrayBuffer>>
}

/** What is stored besides the bytes. `contentType` absent: the storage's own guess from the key, if it makes one. */
export type NewObject = {
  body: Uint8Array | Readable
  /** Bytes. Required for a stream; a body of another length is an error and leaves the old object intact. */
  size: number
  contentType?: string
  cacheControl?: string
  contentEncoding?: string
  contentLanguage?: string
  contentDisposition?: string
  expires?: string
  metadata?: Record<string, string>
  /**
   * One more name of user metadata: `value` is asked for when the body has been read, and has `length` ASCII characters.
   * Kept by the kinds that can write it then: `local-meta` and `memory`.
   */
  lateMetadata?: { name: string; length: number; value(): string }
  /**
   * Absent: the storage's own setting. `false`: a power cut may lose or tear this object, because it can be made again.
   * For kinds that write files; one that keeps no metadata, by which a torn object is found out, takes no notice.
   */
  sync?: boolean
  /** The MD5 of the bytes, in hex, becomes the ETag, as clients of S3 expect it, where the kind can keep it. */
  md5?: true
  /** Becomes the ETag, before {@link md5}, where the kind can keep it: for the `<md5>-<parts>` of a multipart upload. */
  etag?: string
  /**
   * `precondition_failed` when there is an object already. Of several such puts at the same time one is done, except
   * for kinds whose description says otherwise.
   */
  ifAbsent?: true
  /**
   * `precondition_failed` unless there is an object whose tag is strong and this one; `*` is any object. Of several such
   * puts at the same time one is done, except for kinds whose description says otherwise.
   */
  ifMatch?: string
}

export type ListOptions = {
  /**
   * Only keys that begin with this text, which begins with a slash; `/` is all of them. It is compared as it is: one
   * that no key begins with, for example because it has a segment of dots, lists nothing.
   */
  prefix: string
  /** Only keys and common prefixes behind this text, in the order of the listing. Absent or empty: from the start. */
  after?: string
  /**
   * Keys that have it behind the prefix are told once, by the part up to and with it. Absent or empty: every key is
   * told.
   */
  delimiter?: string
  /** Keys and common prefixes of one page together, 1 to 1,000. */
  limit: number
  signal: AbortSignal
}

/** One page. What lists does not grow with the number of keys that there are. */
export type Listing = {
  /** In the order of the UTF-8 bytes of their keys, which begin with a slash. */
  objects: { key: string; info: Pick<ObjectInfo, 'size' | 'etag' | 'lastModified'> }[]
  /** Each ends in the delimiter; in the same order. */
  prefixes: string[]
  /** The last key or common prefix of this page, for `after`; `null` when there are no more. */
  next: string | null
}

export type RestoreOptions = { days: number | null; tier: 'Expedited' | 'Standard' | 'Bulk'; signal: AbortSignal }

/**
 * The storage port. Methods throw `MortiseError`: `storage_unavailable` for what may pass (a connection, a timeout, a
 * 5xx), `range_not_satisfiable`, `invalid_request` for a key that cannot be stored here, `unsupported` for what the
 * kind cannot do, `archived` for what is there but cannot be read now. An aborted `signal` ends every call with
 * `signal.reason`.
 */
export type Storage = AsyncDisposable & {
  /** The `kind` of the configuration, for logs and metrics. */
  readonly kind: string
  /** Opens metadata and lazy body in ONE call to the backend. `null` when there is no such object (a folder is none). */
  get(ref: ObjectRef, options: { range?: ByteRange; signal: AbortSignal }): Promise<StoredObject | null>
  /** `null` when there is no such object. */
  head(ref: ObjectRef, signal: AbortSignal): Promise<ObjectInfo | null>
  /**
   * Readers see the old object or the whole new one, also when this fails half way. A stream belongs to the put: on
   * every end it has been read out or destroyed. One that breaks off is `cancelled`, one of another length than
   * announced `invalid_request`.
   */
  put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo>
  /** Deleting what is not there is a success, and so is deleting a folder that is not empty, which stays. */
  delete(ref: ObjectRef, signal: AbortSignal): Promise<void>
  /**
   * The keys of a bucket, a page at a time; an empty one when there is no such container. Absent: the kind cannot tell
   * its keys. Objects under {@link reservedPrefix} show only when `prefix` begins with it (uploads in parts live there);
   * `pathPrefix` itself never does. An object that is put or deleted
   * meanwhile may show or not; every other one that the options mean is told once. A page may hold fewer than `limit`
   * although there are more.
   */
  list?(bucket: string, options: ListOptions): Promise<Listing>
  /**
   * A URL under which the backend itself gives out the object for `expiresSeconds` (at most seven days) to whoever has
   * it; whether there is an object is not looked at. Absent: the kind has no such URLs.
   */
  presign?(ref: ObjectRef, options: { expiresSeconds: number; signal: AbortSignal }): Promise<string>
  /**
   * Begins to bring back an object that is `archived`. It can be read some minutes or hours later, by `tier`, and goes
   * back after `days`; `null` is for classes that keep it from then on. That it was begun before, or needs not be, is a
   * success. Absent: the kind has no archive.
   */
  restore?(ref: ObjectRef, options: RestoreOptions): Promise<void>
  /** Throws `storage_unavailable` when the backend cannot be used now; for readiness. */
  ping(signal: AbortSignal): Promise<void>
}

/** `invalid_request` for a key that cannot be stored, by any kind or by this one. */
export class RefusedKey extends MortiseError {
  /** What is wrong with the key, as the rest of a sentence. Whoever sent the key may read it. */
  readonly why: string

  /** The text is cut: it comes from outside and goes to a log. */
  constructor(key: string, why: string) {
    super('invalid_request', `key ${JSON.stringify(key.slice(0, 200))} ${why}`)
    this.why = why
  }
}

/** What calls itself an image. As in mort, nothing else is an original. */
export function isImage({ contentType }: Pick<ObjectInfo, 'contentType'>): boolean {
  return contentType?.includes('image/') ?? false
}

/** Keys of Mortise's own, such as the parts of uploads: in storages, but never in listings nor under a URL. */
export const reservedPrefix = '/.mortise/'
