import type { Readable } from 'node:stream'
import type { BucketConfig } from '@mortise/config'
import type { Query } from '@mortise/plan'
import type { Headers, Identity } from '@mortise/s3-auth'
import type { BodyCheck } from '@mortise/s3-auth/body'

/** Who signed. Two buckets may have one access key with different secrets: only the pair is a person. */
export type Signer = { accessKey: string; secret: string; form: Identity['form'] }

/** A request of the S3 API whose sender is known. */
export type S3Call = {
  method: string
  /** Path and query as they came, undecoded. */
  target: string
  query: Query
  headers: Headers
  /** `null` for a path that names none, and for one that is not configured. */
  bucket: BucketConfig | null
  /** As the path names it; empty for `/`. */
  bucketName: string
  /** Decoded, with a leading slash; `null` when the path ends with the bucket. */
  key: string | null
  /** `null`: nobody, who may read what is public. */
  signer: Signer | null
  /** How the body is to be checked; `null` for what is not signed. */
  check: BodyCheck | null
  /** The body as it comes. A client that waits to be asked for it (`Expect: 100-continue`) is asked then. */
  body(): Readable
  /** Aborted when the client leaves. */
  signal: AbortSignal
  requestId: string
  /** Told of every body that is in memory, right before it is handed over. */
  watch(body: Uint8Array): void
}

/** A call for a bucket that there is. */
export type BucketCall = S3Call & { bucket: BucketConfig }
/** A call for an object, or for a place where none is yet. */
export type ObjectCall = BucketCall & { key: string }
/** One whose sender proved who he is. */
export type Signed<C extends S3Call> = C & { signer: Signer; check: BodyCheck }
