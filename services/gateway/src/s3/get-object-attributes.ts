import { MortiseError } from '@mortise/errors'
import type { ObjectCall, Signed } from './call.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { one } from './object-headers.ts'
import { ownLocation } from './own-object.ts'
import { readParts } from './part-sizes.ts'
import { xmlResponse } from './xml.ts'

const known = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize']

export async function getObjectAttributes(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const asked = (one(call.headers, 'x-amz-object-attributes') ?? '').split(',').map(name => name.trim())
  if (!asked.every(name => known.includes(name))) {
    throw new S3Error('InvalidArgument', 'Invalid attribute name specified.', {
      ArgumentName: 'x-amz-object-attributes',
    })
  }
  const info = await deps.opener.head(ownLocation(call), call.signal)
  if (!info) throw new MortiseError('no_such_object', 'no such object')
  const parts = readParts(info)
  return xmlResponse(
    'GetObjectAttributesResponse',
    {
      ETag: asked.includes('ETag') ? info.etag : undefined,
      ObjectParts: asked.includes('ObjectParts') && parts ? { PartsCount: parts.length } : undefined,
      StorageClass: asked.includes('StorageClass') ? 'STANDARD' : undefined,
      ObjectSize: asked.includes('ObjectSize') ? info.size : undefined,
    },
    { 'last-modified': info.lastModified.toUTCString() },
  )
}
