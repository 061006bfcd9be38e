import { MortiseError } from '@mortise/errors'
import { type Location, parseAddress, parseTarget } from '@mortise/plan'
import type { ByteRange, ObjectInfo, StoredObject } from '@mortise/storage'
import type { ObjectCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { one, unquoted } from './object-headers.ts'
import { ownLocation } from './own-object.ts'

/**
 * Opens what `x-amz-copy-source` names, for a sender who may read it: his own key is one of the bucket's, or anybody may.
 * Its conditions hold. The caller disposes of it.
 */
export async function openSource(
  call: Signed<ObjectCall>,
  deps: S3Deps,
  range: ByteRange | null = null,
): Promise<{ location: Location; object: StoredObject }> {
  const location = readSource(call, deps)
  const object = await deps.opener.open(location, range, call.signal)
  if (!object) throw new MortiseError('no_such_object', 'no such object')
  try {
    checkConditions(call, object.info)
    return { location, object }
  } catch (error) {
    await object[Symbol.asyncDispose]()
    throw error
  }
}

function readSource({ headers, signer }: Signed<ObjectCall>, { buckets, access }: S3Deps): Location {
  const text = one(headers, 'x-amz-copy-source') ?? ''
  const [path = '', version] = text.split('?', 2)
  if (version !== undefined && version !== 'versionId=null') {
    throw new S3Error('NotImplemented', 'There are no versions.', { Header: 'x-amz-copy-source' })
  }
  const { bucket: name, key } = parseAddress(parseTarget(path.startsWith('/') ? path : `/${path}`).path)
  if (key === null) throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key.')
  if (!Object.hasOwn(buckets, name)) throw new MortiseError('no_such_bucket', 'no such bucket')
  const bucket = buckets[name]!
  if (bucket.private && !access.belongs(signer, bucket)) throw new S3Error('AccessDenied', 'Access Denied')
  return ownLocation({ bucket, key })
}

/** As for a read (RFC 9110, section 13.2.2), but a copy that is not to be is always 412. */
function checkConditions({ headers }: ObjectCall, { etag, lastModified }: ObjectInfo): void {
  const condition = (name: string) => one(headers, `x-amz-copy-source-if-${name}`)
  const [match, noneMatch] = [condition('match'), condition('none-match')]
  const names = (list: string) => list.split(',').some(tag => tag.trim() === '*' || unquoted(tag) === etag)
  const modified = Math.floor(lastModified.getTime() / 1000) * 1000
  if (
    match !== undefined ? !names(match) : modified > dateOf(condition('unmodified-since'), Number.POSITIVE_INFINITY)
  ) {
    throw failed()
  }
  if (noneMatch !== undefined ? names(noneMatch) : modified <= dateOf(condition('modified-since'), -1)) throw failed()
}

function dateOf(text: string | undefined, absent: number): number {
  const date = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(date) ? absent : date
}

function failed(): MortiseError {
  return new MortiseError('precondition_failed', 'the source of the copy is another one')
}
