import { createHash } from 'node:crypto'
import type { Location } from '@mortise/plan'
import type { ObjectCall, Signed } from './call.ts'
import { checksumElements, checksumOf, elementOf, noteOf } from './checksum.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { one, readConditions, unquoted } from './object-headers.ts'
import { ownStorage, writableLocation } from './own-object.ts'
import { partsName, printParts } from './part-sizes.ts'
import { readXml } from './read-xml.ts'
import { storeBody } from './store-body.ts'
import { noSuchUpload } from './upload-of.ts'
import type { Part, Upload } from './uploads/uploads.ts'
import { wholeChecksum } from './whole-checksum.ts'
import { type Element, malformed, textOf, type XmlElements, xmlResponse } from './xml.ts'

const minPartBytes = 5 * 1024 * 1024
const maxParts = 10_000

/** User metadata of the object: the upload that made it. */
const uploadName = 'mortise-upload'

/** Joins the parts that the client lists, which become the object at once or not at all. */
export async function completeUpload(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const { bucket, key, query, signal } = call
  // The upload id is not looked at by the planner.
  const location = writableLocation(call, deps)
  const listed = readList(await readXml(call, 'CompleteMultipartUpload', deps))
  using _slot = deps.slots.take()
  const upload = await deps.uploads.find(bucket.name, query.get('uploadId') ?? '', signal)
  if (upload?.key !== key) return await alreadyDone(call, deps)
  try {
    return await complete({ call, upload, listed, location }, deps)
  } catch (error) {
    // Another request may have completed it in the meantime, or given it up.
    const done = await alreadyDone(call, deps).catch(() => null)
    if (done) return done
    const gone = (await deps.uploads.find(bucket.name, upload.id, signal).catch(() => upload)) === null
    throw gone ? noSuchUpload() : error
  }
}

type Completed = { call: Signed<ObjectCall>; upload: Upload; listed: Listed[]; location: Location }

async function complete({ call, upload, listed, location }: Completed, deps: S3Deps): Promise<Response> {
  const { headers, signal } = call
  const etag = etagOf(listed)
  const conditions = readConditions(headers)
  const parts = choose(listed, await deps.uploads.parts(upload, signal))
  const sizes = parts.map(({ size }) => size)
  const size = sizes.reduce((sum, bytes) => sum + bytes, 0)
  const announced = one(headers, 'x-amz-mp-object-size')
  if (announced !== undefined && announced !== String(size)) {
    throw new S3Error('InvalidRequest', 'The parts do not have the bytes that x-amz-mp-object-size says.')
  }
  const { checksum, check } = wholeChecksum(headers, upload, parts)
  const { facts } = upload
  const note = printParts(sizes)
  const ours = { [uploadName]: upload.id, ...(note === null ? {} : { [partsName]: note }), ...noteOf(checksum) }
  const object = { ...facts, ...conditions, metadata: { ...facts.metadata, ...ours }, etag }
  const source = deps.uploads.joined(upload, parts, signal)
  const body = { source, check: { ...check, size }, size }
  const { info } = await storeBody(ownStorage(call, deps), location, body, object, signal).finally(() =>
    source.destroy(),
  )
  await deps.originals.written(location)
  await deps.uploads.remove(upload, signal)
  return result(call, info.etag, checksumElements(checksum))
}

/** Who lost the answer asks again: the object is there, and made by just this upload. */
async function alreadyDone(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const info = await deps.opener.head(writableLocation(call, deps), call.signal)
  if (!info || info.metadata[uploadName] !== call.query.get('uploadId')) throw noSuchUpload()
  return result(call, info.etag, checksumElements(checksumOf(info)))
}

function result({ bucket, key, headers }: ObjectCall, etag: string, checksum: XmlElements): Response {
  const host = String(headers.host ?? '')
  return xmlResponse('CompleteMultipartUploadResult', {
    Location: `http://${host}/${bucket.name}${key.split('/').map(encodeURIComponent).join('/')}`,
    Bucket: bucket.name,
    Key: key.slice(1),
    ETag: `"${etag}"`,
    ...checksum,
  })
}

/** `sums`: checksums by the names of their elements. */
type Listed = { number: number; md5: string; sums: Map<string, string> }

function readList({ children }: Element): Listed[] {
  const listed = children.filter(({ name }) => name === 'Part').map(readPart)
  if (listed.length === 0 || listed.length > maxParts) throw malformed()
  if (listed.some(({ number }, index) => index > 0 && number <= listed[index - 1]!.number)) {
    throw new S3Error('InvalidPartOrder', 'The list of parts was not in ascending order.')
  }
  return listed
}

function readPart(part: Element): Listed {
  const [number, etag] = [textOf(part, 'PartNumber')?.trim(), textOf(part, 'ETag')]
  if (number === undefined || !/^\d{1,5}$/.test(number) || etag === undefined) throw malformed()
  const sums = new Map(part.children.map(({ name, text }) => [name, text.trim()]))
  return { number: Number(number), md5: unquoted(etag).toLowerCase(), sums }
}

function choose(listed: Listed[], stored: ReadonlyMap<number, Part[]>): Part[] {
  const parts = listed.map(({ number, md5, sums }) => {
    // What came twice is known by its bytes: the clocks of two gateways may disagree on which was the later.
    const part = stored.get(number)?.findLast(part => part.md5 === md5)
    const said = part?.checksum && sums.get(elementOf(part.checksum.algorithm))
    if (part && (!said || said === part.checksum?.value)) return part
    throw new S3Error('InvalidPart', 'One or more of the specified parts could not be found.', {
      PartNumber: String(number),
      ETag: md5,
    })
  })
  const small = parts.slice(0, -1).find(({ size }) => size < minPartBytes)
  if (!small) return parts
  throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
    ProposedSize: String(small.size),
    MinSizeAllowed: String(minPartBytes),
    PartNumber: String(small.number),
    ETag: small.md5,
  })
}

/** As S3 makes it: the MD5 of the MD5s, and how many they are. */
function etagOf(parts: Listed[]): string {
  const hash = createHash('md5')
  for (const { md5 } of parts) hash.update(Buffer.from(md5, 'hex'))
  return `${hash.digest('hex')}-${parts.length}`
}
