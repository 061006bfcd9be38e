import { MortiseError } from '@mortise/errors'
import type { ObjectInfo } from '@mortise/storage'
import type { ObjectCall, Signed } from './call.ts'
import { checksumElements, checksumOf } from './checksum.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { one } from './object-headers.ts'
import { ownLocation } from './own-object.ts'
import { readParts } from './part-sizes.ts'
import { type XmlElements, xmlResponse } from './xml.ts'

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
  const checksum = checksumOf(info)
  return xmlResponse(
    'GetObjectAttributesResponse',
    {
      ETag: asked.includes('ETag') ? info.etag : undefined,
      Checksum: asked.includes('Checksum') && checksum ? checksumElements(checksum) : undefined,
      ObjectParts: asked.includes('ObjectParts') ? partsOf(info, call) : undefined,
      StorageClass: asked.includes('StorageClass') ? 'STANDARD' : undefined,
      ObjectSize: asked.includes('ObjectSize') ? info.size : undefined,
    },
    { 'last-modified': info.lastModified.toUTCString() },
  )
}

/** `undefined` for an object that was not uploaded in parts. Its parts are told by pages, with their sizes. */
function partsOf(info: ObjectInfo, { headers }: ObjectCall): XmlElements | undefined {
  const sizes = readParts(info)
  if (!sizes) return undefined
  const after = readCount(one(headers, 'x-amz-part-number-marker'), 0)
  const limit = Math.min(readCount(one(headers, 'x-amz-max-parts'), 1000), 1000)
  const page = sizes.slice(after, after + limit).map((Size, index) => ({ PartNumber: after + index + 1, Size }))
  return {
    PartsCount: sizes.length,
    PartNumberMarker: after,
    NextPartNumberMarker: page.at(-1)?.PartNumber ?? after,
    MaxParts: limit,
    IsTruncated: after + page.length < sizes.length,
    Part: page,
  }
}

function readCount(text: string | undefined, absent: number): number {
  if (text === undefined) return absent
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new S3Error('InvalidArgument', 'x-amz-part-number-marker and x-amz-max-parts must be whole numbers.')
}
