import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { StoredObject } from '@mortise/storage'
import { evaluatePreconditions, type RequestFields, rangeIsCurrent } from './conditional.ts'
import type { Encoded, Entity } from './entity.ts'
import { type Fields, withoutBodyFields } from './fields.ts'
import { contentRange, layOutParts, type Span, selectRanges } from './range.ts'

export type RespondTo = {
  method: string
  fields: RequestFields
  /** Told of every body that is in memory, right before it is handed over. */
  watch(body: Uint8Array): void
}

/** The answer to a GET or HEAD of an entity: 200, 206, 304, 412 or 416. The entity's body is used up. */
export async function respond(entity: Entity | Encoded, to: RespondTo): Promise<Response> {
  const { method, fields } = to
  const status = evaluatePreconditions(fields, entity)
  if (status !== null) {
    await discard(entity)
    return status === 304
      ? notModified(entity)
      : new Response(null, { status, headers: withoutBodyFields(entity.fields) })
  }
  if (isEncoded(entity)) return encoded(entity, method)
  if (method === 'HEAD') {
    await discard(entity)
    return new Response(null, { headers: { ...entity.fields, 'content-length': String(entity.size) } })
  }
  const range = fields.range
  if (range === undefined || !rangeIsCurrent(fields, entity)) return whole(entity, to)
  const spans = selectRanges(String(range), entity.size)
  if (spans === null) return whole(entity, to)
  if (spans === 'unsatisfiable') {
    await discard(entity)
    return unsatisfiable(entity.fields, entity.size)
  }
  const [first, second] = spans
  return first && !second ? part(entity, first, to) : parts(entity, spans, to)
}

function isEncoded(entity: Entity | Encoded): entity is Encoded {
  return entity.body.kind === 'encoded'
}

/** Without a length, and without ranges. */
function encoded({ fields, body: { stream } }: Encoded, method: string): Response {
  if (method === 'HEAD') stream?.destroy()
  return new Response(method === 'HEAD' || !stream ? null : toWeb(stream), { headers: fields })
}

/** 416, with the size that would have been allowed (RFC 9110 section 15.5.17). */
function unsatisfiable(fields: Fields, size: number): Response {
  return new Response(JSON.stringify({ message: 'error', code: 'range_not_satisfiable' }), {
    status: 416,
    headers: { ...withoutBodyFields(fields), 'content-type': 'application/json', 'content-range': `bytes */${size}` },
  })
}

/** A 304 has the fields of its 200, but for those that describe a body (RFC 9110 section 15.4.5). */
function notModified({ fields }: Pick<Entity, 'fields'>): Response {
  return new Response(null, { status: 304, headers: withoutBodyFields(fields) })
}

async function whole({ fields, size, body }: Entity, { watch }: RespondTo): Promise<Response> {
  const headers = { ...fields, 'content-length': String(size) }
  if (body.kind === 'bytes') {
    watch(body.bytes)
    return new Response(asBody(body.bytes), { headers })
  }
  if (body.kind === 'none') return new Response(null, { headers })
  const { object } = body
  // It was opened for a range that turned out not to count.
  const opened = object.range ? await body.reopen({ start: 0 }) : object
  if (opened !== object) await object[Symbol.asyncDispose]()
  return new Response(await bodyOf(opened, size, watch), { headers })
}

async function part({ fields, size, body }: Entity, span: Span, { watch }: RespondTo): Promise<Response> {
  const length = span.end - span.start + 1
  const headers = {
    ...fields,
    'content-length': String(length),
    'content-range': contentRange(span, size),
  }
  if (body.kind === 'bytes') {
    watch(body.bytes)
    return new Response(asBody(body.bytes.subarray(span.start, span.end + 1)), { status: 206, headers })
  }
  if (body.kind === 'none') return new Response(null, { status: 206, headers })
  const { object } = body
  if (object.range?.start === span.start && object.range.end === span.end) {
    return new Response(await bodyOf(object, length, watch), { status: 206, headers })
  }
  await object[Symbol.asyncDispose]()
  return new Response(await bodyOf(await body.reopen(span), length, watch), { status: 206, headers })
}

async function parts(entity: Entity, spans: Span[], { watch }: RespondTo): Promise<Response> {
  const boundary = randomUUID()
  const { parts, tail, length } = layOutParts(spans, {
    size: entity.size,
    contentType: entity.fields['content-type'] ?? 'application/octet-stream',
    boundary,
  })
  const { body } = entity
  await discard(entity)
  if (body.kind === 'bytes') watch(body.bytes)
  const chunks = async function* () {
    for (const { head, span } of parts) {
      yield head
      if (body.kind === 'bytes') yield body.bytes.subarray(span.start, span.end + 1)
      else if (body.kind === 'stored') yield* (await body.reopen(span)).stream()
    }
    yield tail
  }
  const headers = {
    ...entity.fields,
    'content-type': `multipart/byteranges; boundary=${boundary}`,
    'content-length': String(length),
  }
  return new Response(toWeb(Readable.from(chunks(), { objectMode: false })), { status: 206, headers })
}

/** Below this, one read into memory is cheaper than a stream. */
const smallBody = 256 * 1024

async function bodyOf(
  object: StoredObject,
  length: number,
  watch: RespondTo['watch'],
): Promise<ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>> {
  if (length > smallBody) return toWeb(object.stream())
  await using small = object
  const bytes = await small.bytes(length)
  watch(bytes)
  return asBody(bytes)
}

async function discard({ body }: Pick<Entity | Encoded, 'body'>): Promise<void> {
  if (body.kind === 'stored') await body.object[Symbol.asyncDispose]()
  else if (body.kind === 'encoded') body.stream?.destroy()
}

/** The types of the platform do not know that a body is only read; nothing is copied. */
function asBody(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>
}

function toWeb(stream: Readable): ReadableStream<Uint8Array> {
  return Readable.toWeb(stream) as ReadableStream<Uint8Array>
}
