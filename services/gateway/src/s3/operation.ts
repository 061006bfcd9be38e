import type { BucketCall, ObjectCall, S3Call, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'

type Run<C extends S3Call> = (call: C, deps: S3Deps) => Response | null | Promise<Response | null>

/**
 * One operation of the S3 API. `on` says what the path names, `about` which sub-resources the query does (see
 * `subResourceOf`). A run that gives `null` leaves the request to the route of objects and derivatives.
 */
export type Operation = { name: string; method: string; about?: string; copies?: boolean } & (
  | { on: 'service'; run: Run<Signed<S3Call>> }
  /** There need be no such bucket. */
  | { on: 'name'; run: Run<Signed<S3Call>> }
  | { on: 'bucket'; run: Run<Signed<BucketCall>> }
  | { on: 'object'; run: Run<Signed<ObjectCall>> }
  /** Of buckets that are not private without a signature as well. */
  | { on: 'public bucket'; run: Run<BucketCall> }
  /** Proves by itself who sent it. */
  | { on: 'form'; run: Run<BucketCall> }
)
