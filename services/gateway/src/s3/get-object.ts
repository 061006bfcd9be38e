import { MortiseError } from '@mortise/errors'
import type { Location, Resolution } from '@mortise/plan'
import type { ByteRange, ObjectInfo, StoredObject } from '@mortise/storage'
import type { Entity } from '../http/entity.ts'
import { type Fields, isLegalValue, legalFields, objectFields, withSafety } from '../http/fields.ts'
import { singleRange } from '../http/range.ts'
import { respond } from '../http/respond.ts'
import type { ObjectCall, Signed } from './call.ts'
import { checksumFields, checksumOf } from './checksum.ts'
import type { S3Deps } from './deps.ts'
import { S3Error } from './error.ts'
import { one } from './object-headers.ts'
import { checkKey, meaningOf } from './own-object.ts'
import { readParts } from './part-sizes.ts'

/**
 * GetObject and HeadObject: the object as it is stored now, past all caches and header rules, so that a copy made of
 * what is read here is one. What is made of an object is given out as to anybody else.
 */
export async function getObject(call: Signed<ObjectCall>, deps: S3Deps): Promise<Response | null> {
  const { method, headers, query, watch } = call
  const meant = meaningOf(call, deps)
  checkOwner(call, meant, deps)
  if (meant.kind !== 'object' || meant.imageOnly) return null
  checkKey(meant.object.key)
  const part = readPartNumber(query.get('partNumber'))
  const found = await open(meant.object, call, part, deps)
  const said = { ...describe(found.info), ...overrides(call) }
  const fields = { ...withSandbox(said), ...found.fields }
  const { size, lastModified } = found.info
  const entity: Entity = {
    fields,
    etag: fields.etag ?? '',
    lastModified: lastModified.getTime(),
    size,
    body: found.object ? withBody(meant.object, found.object, call, deps) : { kind: 'none' },
  }
  const asked = found.range === null ? headers : { ...headers, range: found.range, 'if-range': undefined }
  const response = await respond(entity, { method, fields: asked as Record<string, string | undefined>, watch })
  if (response.status === 200) tellChecksum(response, found.info, call)
  if (response.status === 412) throw new MortiseError('precondition_failed', 'the object is another one')
  if (response.status !== 416) return found.range !== null && method === 'HEAD' ? ofPart(response, found) : response
  throw new S3Error('InvalidRange', 'The requested range is not satisfiable', {
    RangeRequested: one(headers, 'range') ?? '',
    ActualObjectSize: String(size),
  })
}

/** A URL may lead to an original of another bucket; when that is private, the key of this one does not open it. */
function checkOwner({ signer }: Signed<ObjectCall>, meant: Resolution, { buckets, access }: S3Deps): void {
  if (meant.kind !== 'object' && meant.kind !== 'derivative') return
  const original = meant.kind === 'object' ? meant.object : meant.plan.original
  for (const name of [meant.bucket, original.bucket, original.storage.split('/')[0] ?? '']) {
    const bucket = Object.hasOwn(buckets, name) ? buckets[name]! : null
    const closed = meant.kind === 'object' ? bucket?.private : bucket?.private === 'all'
    if (bucket && closed && !access.belongs(signer, bucket)) throw new S3Error('AccessDenied', 'Access Denied')
  }
}

type Found = {
  info: ObjectInfo
  /** `null` for HEAD. */
  object: StoredObject | null
  /** The range of the part that was asked for, as a field; `null` for none. */
  range: string | null
  length: number
  fields: Fields
}

async function open(location: Location, call: ObjectCall, part: number | null, { opener }: S3Deps): Promise<Found> {
  const { method, headers, signal } = call
  const noPart = { range: null, length: 0, fields: {} }
  if (part === null && method === 'GET') {
    const range = headers['if-range'] === undefined ? singleRange(one(headers, 'range') ?? '') : null
    const object = (await opener.openRange(location, range, signal)) ?? absent()
    return { info: object.info, object, ...noPart }
  }
  const info = (await opener.head(location, signal)) ?? absent()
  if (part === null) return { info, object: null, ...noPart }
  if (headers.range !== undefined) {
    throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter')
  }
  const { start, length, count } = findPart(info, part)
  // An object without bytes has one part, and no range.
  const range = length === 0 ? null : { start, end: start + length - 1 }
  const object = method === 'GET' ? ((await opener.openRange(location, range, signal)) ?? absent()) : null
  const fields: Fields = count === null ? {} : { 'x-amz-mp-parts-count': String(count) }
  return { info, object, range: range && `bytes=${range.start}-${range.end}`, length, fields }
}

function findPart(info: ObjectInfo, part: number): { start: number; length: number; count: number | null } {
  const sizes = readParts(info)
  const length = sizes ? sizes[part - 1] : part === 1 ? info.size : undefined
  if (length === undefined) {
    throw new S3Error('InvalidRange', 'The requested partnumber is not satisfiable', {
      PartNumberRequested: String(part),
    })
  }
  const start = sizes ? sizes.slice(0, part - 1).reduce((sum, size) => sum + size, 0) : 0
  return { start, length, count: sizes?.length ?? null }
}

/** A HEAD takes no ranges (RFC 9110, section 14.2), but S3 tells of a part what its GET would say. */
function ofPart(response: Response, { range, length, info }: Found): Response {
  const headers = new Headers(response.headers)
  headers.set('content-length', String(length))
  headers.set('content-range', `bytes ${range?.slice('bytes='.length)}/${info.size}`)
  return new Response(null, { status: 206, headers })
}

function withBody(
  location: Location,
  object: StoredObject,
  { signal }: ObjectCall,
  { opener }: S3Deps,
): Entity['body'] {
  const reopen = async (range: ByteRange) => {
    const again = await opener.open(location, range, signal)
    if (again && again.info.etag === object.info.etag) return again
    await again?.[Symbol.asyncDispose]()
    throw new MortiseError('storage_unavailable', 'the object changed while it was read')
  }
  return { kind: 'stored', object, reopen }
}

function describe(info: ObjectInfo): Fields {
  return legalFields(objectFields(info))
}

/** Beside the whole only: clients compare it with what they get, be it a part or the nothing of a 304. */
function tellChecksum(response: Response, info: ObjectInfo, { headers, query }: ObjectCall): void {
  if (one(headers, 'x-amz-checksum-mode')?.toUpperCase() !== 'ENABLED') return
  if (headers.range !== undefined || query.get('partNumber') !== undefined) return
  for (const [name, value] of Object.entries(checksumFields(checksumOf(info)))) response.headers.set(name, value)
}

/** Fields of the answer that the client who signed wishes otherwise. */
function overrides({ query }: ObjectCall): Fields {
  const fields: Fields = {}
  for (const name of overridable) {
    const value = query.get(`response-${name}`)
    if (value === undefined || value === '') continue
    if (!isLegalValue(value)) {
      throw new S3Error('InvalidArgument', 'Header value cannot be represented using ISO-8859-1.', {
        ArgumentName: `response-${name}`,
      })
    }
    fields[name] = value
  }
  return fields
}

/** A signed URL is opened in browsers, and what it leads to may be of anybody: no page among it gets to run scripts here. */
function withSandbox(fields: Fields): Fields {
  const type = fields['content-type']?.toLowerCase() ?? ''
  if (/^\s*(?:text\/html|[^;]*xml)/.test(type)) fields['content-security-policy'] ??= "script-src 'none'; sandbox"
  return withSafety(fields)
}

const overridable = [
  ...['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-type', 'expires'],
]

function readPartNumber(text: string | undefined): number | null {
  if (text === undefined) return null
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= 10_000) return number
  throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive', {
    ArgumentName: 'partNumber',
    ArgumentValue: text.slice(0, 40),
  })
}

function absent(): never {
  throw new MortiseError('no_such_object', 'no such object')
}
