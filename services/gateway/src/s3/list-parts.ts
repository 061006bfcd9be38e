import type { ObjectCall, Signed } from './call.ts'
import { elementOf } from './checksum.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { uploadOf } from './upload-of.ts'
import { xmlResponse } from './xml.ts'

export async function listParts(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const { bucket, key, query, signal } = call
  const marker = readNumber(query.get('part-number-marker'), 0)
  const limit = Math.min(readNumber(query.get('max-parts'), 1000), 1000)
  const upload = await uploadOf(call, deps)
  const stored = [...(await deps.uploads.parts(upload, signal)).values()]
  const all = stored.flatMap(parts => parts.slice(-1)).filter(({ number }) => number > marker)
  const page = all.slice(0, limit)
  const person = { ID: upload.initiator, DisplayName: upload.initiator }
  return xmlResponse('ListPartsResult', {
    Bucket: bucket.name,
    Key: key.slice(1),
    UploadId: upload.id,
    Initiator: person,
    Owner: person,
    StorageClass: 'STANDARD',
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number ?? marker,
    MaxParts: limit,
    IsTruncated: page.length < all.length,
    ChecksumAlgorithm: upload.checksum?.algorithm.toUpperCase(),
    ChecksumType: upload.checksum?.type,
    Part: page.map(({ number, md5, size, lastModified, checksum }) => ({
      PartNumber: number,
      LastModified: lastModified.toISOString(),
      ETag: `"${md5}"`,
      Size: size,
      ...(checksum ? { [elementOf(checksum.algorithm)]: checksum.value } : {}),
    })),
  })
}

function readNumber(text: string | undefined, absent: number): number {
  if (text === undefined || text === '') return absent
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new S3Error('InvalidArgument', 'Argument part-number-marker and max-parts must be whole numbers.')
}
