import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { StoredObject } from '@mortise/storage'
import { evaluatePreconditions, type RequestFields, rangeIsCurrent } from './conditional.ts'
import type { Entity } from './entity.ts'
import { type Fields, withoutBodyFields } from './fields.ts'
import { contentRange, layOutParts, type Span, selectRanges } from './range.ts'

export type RespondTo = { method: string; fields: RequestFields }

/** The answer to a GET or HEAD of an entity: 200, 206, 304, 412 or 416. The entity's body is used up. */
export async function respond(entity: Entity, { method, fields }: RespondTo): Promise<Response> {
  const status = evaluatePreconditions(fields, entity)
  if (status !== null) {
    await discard(entity)
    return status === 304
      ? notModified(entity)
      : new Response(null, { status, headers: withoutBodyFields(entity.fields) })
  }
  if (method === 'HEAD') {
    await discard(entity)
    return new Response(null, { headers: { ...entity.fields, 'content-length': String(entity.size) } })
  }
  const range = fields.range
  if (range === undefined || !rangeIsCurrent(fields, entity)) return whole(entity)
  const spans = selectRanges(String(range), entity.size)
  if (spans === null) return whole(entity)
  if (spans === 'unsatisfiable') {
    await discard(entity)
    return unsatisfiable(entity.fields, entity.size)
  }
  const [first, second] = spans
  return first && !second ? part(entity, first) : parts(entity, spans)
}

/** 416, with the size that would have been allowed (RFC 9110 section 15.5.17). */
function unsatisfiable(fields: Fields, size: number): Response {
  return new Response(JSON.stringify({ message: 'error', code: 'range_not_satisfiable' }), {
    status: 416,
    headers: { ...withoutBodyFields(fields), 'content-type': 'application/json', 'content-range': `bytes */${size}` },
  })
}

/** A 304 has the fields of its 200, but for those that describe a body (RFC 9110 section 15.4.5). */
function notModified({ fields }: Entity): Response {
  return new Response(null, { status: 304, headers: withoutBodyFields(fields) })
}

async function whole({ fields, size, body }: Entity): Promise<Response> {
  const headers = { ...fields, 'content-length': String(size) }
  if (body.kind === 'bytes') return new Response(asBody(body.bytes), { headers })
  if (body.kind === 'none') return new Response(null, { headers })
  const { object } = body
  // It was opened for a range that turned out not to count.
  const opened = object.range ? await body.reopen({ start: 0 }) : object
  if (opened !== object) await object[Symbol.asyncDispose]()
  return new Response(await bodyOf(opened, size), { headers })
}

async function part({ fields, size, body }: Entity, span: Span): Promise<Response> {
  const headers = {
    ...fields,
    'content-length': String(span.end - span.start + 1),
    'content-range': contentRange(span, size),
  }
  if (body.kind === 'bytes') {
    return new Response(asBody(body.bytes.subarray(span.start, span.end + 1)), { status: 206, headers })
  }
  if (body.kind === 'none') return new Response(null, { status: 206, headers })
  const { object } = body
  if (object.range?.start === span.start && object.range.end === span.end) {
    return new Response(await bodyOf(object, span.end - span.start + 1), { status: 206, headers })
  }
  await object[Symbol.asyncDispose]()
  return new Response(await bodyOf(await body.reopen(span), span.end - span.start + 1), { status: 206, headers })
}

async function parts(entity: Entity, spans: Span[]): Promise<Response> {
  const boundary = randomUUID()
  const { parts, tail, length } = layOutParts(spans, {
    size: entity.size,
    contentType: entity.fields['content-type'] ?? 'application/octet-stream',
    boundary,
  })
  const { body } = entity
  await discard(entity)
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
): Promise<ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>> {
  if (length > smallBody) return toWeb(object.stream())
  await using small = object
  return asBody(await small.bytes(length))
}

async function discard({ body }: Entity): Promise<void> {
  if (body.kind === 'stored') await body.object[Symbol.asyncDispose]()
}

/** The types of the platform do not know that a body is only read; nothing is copied. */
function asBody(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>
}

function toWeb(stream: Readable): ReadableStream<Uint8Array> {
  return Readable.toWeb(stream) as ReadableStream<Uint8Array>
}
