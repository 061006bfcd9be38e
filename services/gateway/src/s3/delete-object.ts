import type { Location } from '@mortise/plan'
import type { BucketCall, ObjectCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { isOnlyOfS3 } from './names.ts'
import { isSame, ownLocation } from './own-object.ts'

export async function deleteObject(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  for (const Header of ['if-match', 'x-amz-if-match-last-modified-time', 'x-amz-if-match-size']) {
    if (call.headers[Header] === undefined) continue
    throw new S3Error('NotImplemented', 'Deleting takes no conditions.', { Header })
  }
  await remove(call, deps)
  return new Response(null, { status: 204 })
}

/**
 * Deletes what a URL means: the original; or of a derivative what is stored of it, in every format, as in mort. What is
 * not there is gone already. A folder goes when it is empty.
 */
export async function remove(call: Pick<ObjectCall, 'bucket' | 'key' | 'target' | 'signal'>, deps: S3Deps) {
  const { planner, originals, storage } = deps
  const remove = (location: Location) => storage(location.storage).delete(location, call.signal)
  const own = ownLocation(call)
  const meant = isOnlyOfS3(call.key) ? null : planner.plan({ target: call.target, accepts: [] })
  if (meant?.kind === 'derivative') {
    for (const location of derivatives(call.target, planner)) await remove(location)
    return await originals.derivativeDeleted(meant.plan.original)
  }
  if (meant && !(meant.kind === 'object' && isSame(meant.object, own))) {
    throw new S3Error('MethodNotAllowed', 'This URL stands for an original of another place; delete it there.')
  }
  await remove(own)
  await originals.deleted(own)
}

/** The path of an object, as a client would write it. */
export function targetOf({ bucket }: Pick<BucketCall, 'bucket'>, key: string): string {
  return `/${[bucket.name, ...key.slice(1).split('/')].map(encodeURIComponent).join('/')}`
}

function derivatives(target: string, planner: S3Deps['planner']): Location[] {
  const found = new Map<string, Location>()
  for (const accepts of [[], ...planner.negotiable.map(format => [format])]) {
    const resolution = planner.plan({ target, accepts })
    if (resolution.kind === 'derivative') found.set(resolution.plan.derivative.key, resolution.plan.derivative)
  }
  return [...found.values()]
}
