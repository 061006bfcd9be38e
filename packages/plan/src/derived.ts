/** What is told of a derivative that was made. */
export type Derived = {
  /** Bytes of the body. */
  size: number
  contentType: string
  /** Opaque, without quotes: a digest of the bytes. */
  etag: string
  /** The ETag of the original that it was made from. */
  original: string
  /** Milliseconds since the epoch. */
  lastModified: number
  /** px */
  width: number
  /** px */
  height: number
}
