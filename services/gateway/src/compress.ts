import { addAbortSignal, pipeline, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { CompressConfig } from '@mortise/config'
import type { MemoryCache } from './cache/memory-cache.ts'
import { type Delivery, fromCache } from './cache/responses.ts'
import { type Coding, type Codings, codedTag, selectCoding } from './http/codings.ts'
import { evaluatePreconditions, type RequestFields } from './http/conditional.ts'
import { createEncoder } from './http/encoders.ts'
import type { Encoded, Entity } from './http/entity.ts'

export type CompressDeps = { config: CompressConfig | null; codings: Codings; cache: MemoryCache }

export type CompressRequest = { method: string; fields: RequestFields; signal: AbortSignal }

/** What is sent, and the key under which exactly that is in the cache, if it is. */
export type Representation = { entity: Entity | Encoded; cacheKey: string | null }

export type Compress = (delivery: Delivery, request: CompressRequest) => Promise<Representation>

/** Compressions at one time. Beyond it bodies go out as they are, which every client understands. */
const maxRunning = 16

/** Up to here the compressed form of a cached body is cached beside it; larger ones are compressed while they are sent. */
const maxKept = 1024 * 1024

/** What goes in at once: threads of libuv's pool are shared with files and renders. */
const pieceBytes = 64 * 1024

/** Chooses the representation that the client gets, compressed or as it is stored, and opens it. */
export function createCompress({ config, codings, cache }: CompressDeps): Compress {
  if (!config) return async delivery => delivery
  const encoders = createEncoders(config)

  return async ({ entity, cacheKey }, { method, fields, signal }) => {
    const accepted = codings.accepted(fields['accept-encoding'] as string | undefined).codings
    const usable = codings.offered(entity.fields, entity.size).filter(coding => accepted.includes(coding))
    if (usable.length === 0) return { entity, cacheKey }
    // From here on the cached body as it is does not stand for this client's target: he can have a better one.
    const plain = { entity, cacheKey: null }
    const coding = selectCoding(usable, entity.etag, fields)
    if (coding === null) return plain

    const codedKey = cacheKey === null ? null : `${coding} ${cacheKey}`
    const cached = codedKey === null ? undefined : cache.get(codedKey)
    if (cached) return { entity: fromCache(cached), cacheKey: codedKey }
    const coded = describe(entity, coding)
    if (method === 'HEAD' || evaluatePreconditions(fields, coded) !== null) {
      if (entity.body.kind === 'stored') await entity.body.object[Symbol.asyncDispose]()
      return { entity: { ...coded, body: { kind: 'encoded', stream: null } }, cacheKey: null }
    }
    const stream = encoders.start(entity, coding, signal)
    if (!stream) return plain
    if (codedKey === null || cacheKey === null || entity.size > maxKept) {
      return { entity: { ...coded, body: { kind: 'encoded', stream } }, cacheKey: null }
    }
    const bytes = await buffer(stream)
    const { version } = entity
    const whole = {
      ...coded,
      ...(version ? { version } : {}),
      size: bytes.byteLength,
      body: { kind: 'bytes', bytes } as const,
    }
    cache.set(codedKey, whole, cache.secondsLeft(cacheKey))
    return { entity: whole, cacheKey: codedKey }
  }
}

function createEncoders({ brotli, zstd, gzip }: CompressConfig) {
  const levels = { br: brotli?.level ?? 0, zstd: zstd?.level ?? 0, gzip: gzip?.level ?? 0 }
  let running = 0
  return {
    /** The body, compressed; `null`, and the body is as it was, when too many are under way. */
    start({ body, size }: Entity, coding: Coding, signal: AbortSignal): Readable | null {
      if (running >= maxRunning) return null
      const source = body.kind === 'stored' ? body.object.stream() : Readable.from(pieces(body))
      const encoder = createEncoder(coding, levels[coding], size)
      running += 1
      encoder.once('close', () => {
        running -= 1
      })
      addAbortSignal(signal, encoder)
      // Whichever ends early takes the other with it; whoever reads the encoder sees the error.
      pipeline(source, encoder, () => {})
      return encoder
    },
  }
}

function describe({ fields, etag, lastModified }: Entity, coding: Coding): Omit<Encoded, 'body'> {
  const tag = codedTag(etag, coding)
  return {
    fields: { ...fields, 'content-encoding': coding, ...(tag === '' ? {} : { etag: tag }) },
    etag: tag,
    lastModified,
  }
}

function* pieces(body: Entity['body']): Generator<Uint8Array> {
  if (body.kind !== 'bytes') return
  for (let at = 0; at < body.bytes.length; at += pieceBytes) yield body.bytes.subarray(at, at + pieceBytes)
}
