import { MortiseError } from '@mortise/errors'
import type { ObjectCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { ownLocation } from './own-object.ts'
import { xmlResponse } from './xml.ts'

/** There are no tags. Tools that copy a large object ask for them first. */
export async function getObjectTagging(call: Signed<ObjectCall>, { opener }: S3Deps): Promise<Response> {
  if (await opener.head(ownLocation(call), call.signal)) return xmlResponse('Tagging', { TagSet: '' })
  throw new MortiseError('no_such_object', 'no such object')
}
