import type { ObjectCall, Signed } from './call.ts'
import { checksumElements, checksumOf, noteOf, typeOf } from './checksum.ts'
import { openSource } from './copy-source.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { factsOf, one, readConditions, readFacts } from './object-headers.ts'
import { isSame, ownStorage, writableLocation } from './own-object.ts'
import { xmlResponse } from './xml.ts'

/** The bytes pass through here, from one storage to the other. */
export async function copyObject(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response> {
  const { headers, signal } = call
  const location = writableLocation(call, deps)
  const replace = readDirective(one(headers, 'x-amz-metadata-directive'))
  // `COPY` for the tags as well: there are none.
  const own = readFacts({ ...headers, 'x-amz-tagging-directive': undefined })
  const conditions = readConditions(headers)
  using _slot = deps.slots.take()
  const source = await openSource(call, deps)
  await using object = source.object
  if (!replace && isSame(source.location, location)) {
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata.",
    )
  }
  const { size } = object.info
  if (size > deps.uploadBytes) throw new S3Error('EntityTooLarge', 'The source is larger than one upload may be.')
  const facts = { ...(replace ? own : factsOf(object.info)), ...conditions, md5: true } as const
  // The copy has no parts.
  const known = checksumOf(object.info)
  const checksum = known && typeOf(known) === 'FULL_OBJECT' ? known : null
  const metadata = { ...facts.metadata, ...noteOf(checksum) }
  const info = await ownStorage(call, deps).put(location, { ...facts, metadata, body: object.stream(), size }, signal)
  await deps.originals.written(location)
  return xmlResponse('CopyObjectResult', {
    ETag: `"${info.etag}"`,
    LastModified: info.lastModified.toISOString(),
    ...checksumElements(checksum),
  })
}

function readDirective(text = 'COPY'): boolean {
  if (text === 'COPY' || text === 'REPLACE') return text === 'REPLACE'
  throw new S3Error('InvalidArgument', 'Unknown metadata directive.', { ArgumentName: 'x-amz-metadata-directive' })
}
