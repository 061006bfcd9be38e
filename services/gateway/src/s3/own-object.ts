import { MortiseError } from '@mortise/errors'
import type { Location, Resolution } from '@mortise/plan'
import type { Storage } from '@mortise/storage'
import { isReserved } from '../reserved.ts'
import type { BucketCall, ObjectCall } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { isOnlyOfS3 } from './names.ts'

/** The storage of a bucket's originals. */
export function ownStorage({ bucket }: Pick<BucketCall, 'bucket'>, { storage }: S3Deps): Storage {
  return storage(`${bucket.name}/basic`)
}

/** Where the original with that key is, or will be. */
export function ownLocation({ bucket, key }: Pick<ObjectCall, 'bucket' | 'key'>): Location {
  return { storage: `${bucket.name}/basic`, bucket: bucket.name, key: checkKey(key) }
}

/**
 * The place to write to. A URL that means a derivative, or an original of another bucket, is refused: mort stores the
 * body as that derivative, and it is given out from then on whatever becomes of the original.
 */
export function writableLocation(
  call: Pick<ObjectCall, 'bucket' | 'key' | 'target'>,
  deps: Pick<S3Deps, 'planner'>,
): Location {
  const own = ownLocation(call)
  if (isOnlyOfS3(own.key)) return own
  const meant = deps.planner.plan({ target: call.target, accepts: [] })
  if (meant.kind !== 'object' || !isSame(meant.object, own)) {
    throw new S3Error('MethodNotAllowed', 'This URL stands for what is made of an original; it cannot be written.')
  }
  return own
}

export function isSame(one: Location, other: Location): boolean {
  return one.storage === other.storage && one.bucket === other.bucket && one.key === other.key
}

/** What the URL of a signed read means. */
export function meaningOf(call: ObjectCall, { planner }: S3Deps): Resolution {
  const { bucket, key, target } = call
  if (!isOnlyOfS3(key)) return planner.plan({ target, accepts: [] })
  return { kind: 'object', bucket: bucket.name, object: ownLocation(call), imageOnly: false }
}

/** S3's own limit; storages have it as well, with their prefixes. */
const maxKeyBytes = 1024

export function checkKey(key: string): string {
  if (isReserved(key)) throw new MortiseError('no_such_object', 'no such object')
  if (Buffer.byteLength(key) - 1 <= maxKeyBytes) return key
  throw new S3Error('KeyTooLongError', 'Your key is too long', { MaxSizeAllowed: String(maxKeyBytes) })
}
