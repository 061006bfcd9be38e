import { MortiseError } from '@mortise/errors'
import { readBody, withBody } from './body.ts'
import { checkCondition, isConditional, preconditionFailed } from './condition.ts'
import {
  configuredHeaders,
  fromHeaders,
  guessContentType,
  type StoredHeaders,
  toHeaders,
  withHiddenExpires,
} from './headers.ts'
import { readInfo } from './http-info.ts'
import { partialObject, wholeObject } from './http-object.ts'
import { drop } from './http-wire.ts'
import { createPlaces, placeOfBucket } from './keys.ts'
import { checkRange, printRange } from './range.ts'
import { listRemote, type RemoteAnswer, type RemoteQuestion } from './remote-listing.ts'
import type { ByteRange, NewObject, ObjectInfo, ObjectRef, Storage } from './storage.ts'
import { printListing, readListing } from './swift-listing.ts'
import type { SwiftLogin } from './swift-login.ts'
import { createSwiftWire, refusal, type SwiftAnswer, type SwiftRequest, unavailable } from './swift-wire.ts'
import { decodeWords, encodeWords } from './words.ts'

export type OracleStorageOptions = SwiftLogin & {
  /** The container; absent: the bucket of each object. It must be there. */
  bucket?: string
  pathPrefix?: string
  /** Set over the headers of every new object, such as `x-delete-after`. */
  headers?: Record<string, string>
  /** Connections at most; further requests wait for one. Absent: 64. */
  maxSockets?: number
  /** Milliseconds to wait for a connection, an answer or the next bytes; not for a whole body. Absent: 10,000. */
  timeoutMs?: number
}

/**
 * OpenStack Swift, which Oracle's classic storage was, with logins of version 1. A get is one request, a put too. Swift
 * knows one condition on writing, that nothing is there, and looks at it before it takes the body: of several conditional
 * puts at the same time more than one may be done.
 */
export function createOracleStorage(options: OracleStorageOptions): Storage {
  const { maxSockets = 64, timeoutMs = 10_000 } = options
  const place = createPlaces(options)
  const configured = withNames(configuredHeaders(options.headers), swiftPrefix, ourPrefix)
  const wire = createSwiftWire({ ...options, maxSockets, timeoutMs })

  const pathOf = (ref: ObjectRef) => {
    const { container, key } = place(ref)
    return `/${encodeURIComponent(container)}/${key.split('/').map(encodeURIComponent).join('/')}`
  }

  async function get(ref: ObjectRef, { range, signal }: { range?: ByteRange; signal: AbortSignal }) {
    if (range) checkRange(range)
    const headers: StoredHeaders = range ? { range: printRange(range) } : {}
    const request: SwiftRequest = { method: 'GET', path: pathOf(ref), headers, signal }
    const answer = described(await wire.send(request))
    if (answer.statusCode === 404) return drop(answer, signal).then(() => null)
    const opening = { key: ref.key, ...(range ? { range } : {}), signal, timeoutMs }
    const part = answer.statusCode === 206 && range ? partialObject(answer, range, opening) : null
    if (part) return part
    const info = answer.statusCode === 200 ? readInfo(answer.headers, ref.key) : null
    if (info) return wholeObject(answer, info, opening)
    if (answer.statusCode === 416 && range) {
      await drop(answer, signal)
      throw new MortiseError('range_not_satisfiable', `range ${printRange(range)} of ${ref.key}`)
    }
    throw await refusal(request, answer)
  }

  async function head(ref: ObjectRef, signal: AbortSignal): Promise<ObjectInfo | null> {
    const request: SwiftRequest = { method: 'HEAD', path: pathOf(ref), signal }
    const answer = described(await wire.send(request))
    if (answer.statusCode !== 200 && answer.statusCode !== 404) throw await refusal(request, answer)
    await drop(answer, signal)
    if (answer.statusCode === 404) return null
    const info = readInfo(answer.headers, ref.key)
    if (!info) throw unavailable(request, 'the answer says no length or version')
    return info
  }

  async function ask(container: string, question: RemoteQuestion, signal: AbortSignal): Promise<RemoteAnswer> {
    const path = `/${encodeURIComponent(container)}?${printListing(question)}`
    const request: SwiftRequest = { method: 'GET', path, signal }
    const answer = await wire.send(request)
    if (answer.statusCode === 200) return readListing(answer, question.limit)
    if (answer.statusCode !== 204 && answer.statusCode !== 404) throw await refusal(request, answer)
    await drop(answer, signal)
    return { objects: [], prefixes: [], more: false }
  }

  async function put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
    const path = pathOf(ref)
    const conditional = isConditional(object)
    if (conditional) checkCondition(object, await head(ref, signal))
    if (object.size > maxPutBytes) throw new MortiseError('too_large', `${object.size} bytes in one put to Swift`)
    // A server that is told no type makes one of its own from the name.
    const contentType = object.contentType ?? guessContentType(ref.key) ?? 'application/octet-stream'
    const headers = withHiddenExpires({ ...toHeaders({ ...object, contentType }), ...configured })
    const request: SwiftRequest = {
      method: 'PUT',
      path,
      headers: {
        ...toSwift(headers),
        ...(object.ifAbsent ? { 'if-none-match': '*' } : {}),
        'content-length': String(object.size),
      },
      body: () => readBody(object, signal),
      // A try that was done although its answer was lost would make the next one fail.
      repeatable: object.body instanceof Uint8Array && !conditional,
      signal,
    }
    const answer = await wire.send(request)
    // The container is missing: there is nowhere to put it.
    if (answer.statusCode === 404) {
      await drop(answer, signal)
      throw unavailable(request, 'there is no such container')
    }
    if (answer.statusCode === 412 && object.ifAbsent) {
      await drop(answer, signal)
      throw preconditionFailed('the object was made meanwhile')
    }
    if (answer.statusCode !== 201) throw await refusal(request, answer)
    await drop(answer, signal)
    const said = { ...answer.headers, 'content-length': String(object.size) }
    const info = readInfo(said, ref.key)
    if (!info) throw unavailable(request, 'the answer names no version')
    const { etag, lastModified } = info
    return { ...fromHeaders(headers, ref.key), size: object.size, etag, lastModified }
  }

  return {
    kind: 'oracle',
    get,
    head,
    put: (ref, object, signal) => withBody(object, () => put(ref, object, signal)),
    async delete(ref, signal) {
      const request: SwiftRequest = { method: 'DELETE', path: pathOf(ref), signal }
      const answer = await wire.send(request)
      if (![200, 204, 404].includes(answer.statusCode)) throw await refusal(request, answer)
      await drop(answer, signal)
    },
    async list(bucket, options) {
      const { container, prefix } = placeOfBucket(place, bucket)
      return listRemote(prefix, options, question => ask(container, question, options.signal))
    },
    async ping(signal) {
      const path = options.bucket ? `/${encodeURIComponent(options.bucket)}` : ''
      const request: SwiftRequest = { method: 'HEAD', path, signal }
      const answer = await wire.send(request)
      // Who may read and write objects need not be allowed to look at what holds them.
      if (answer.statusCode !== 403 && answer.statusCode >= 300) throw await refusal(request, answer)
      await drop(answer, signal)
    },
    async [Symbol.asyncDispose]() {
      await wire.close()
    },
  }
}

/** The most that Swift takes in one request. */
const maxPutBytes = 5 * 1024 ** 3

const ourPrefix = 'x-amz-meta-'
const swiftPrefix = 'x-object-meta-'

/** Swift's limits are about bytes of ASCII. */
function toSwift(headers: StoredHeaders): StoredHeaders {
  const encoded = Object.entries(headers).map(([name, value]) => [name, encodeWords(value)] as const)
  return withNames(Object.fromEntries(encoded), ourPrefix, swiftPrefix)
}

/** The answer with headers as other kinds have them. What is about the request (`x-trans-id`) is left out. */
function described(answer: SwiftAnswer): SwiftAnswer {
  const kept = Object.entries(answer.headers).flatMap(([name, value]) => {
    const wanted = typeof value === 'string' && (!name.startsWith('x-') || name.startsWith(swiftPrefix))
    return wanted ? [[name, decodeWords(value)] as const] : []
  })
  return { ...answer, headers: withNames(Object.fromEntries(kept), swiftPrefix, ourPrefix) }
}

function withNames(headers: StoredHeaders, from: string, to: string): StoredHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.startsWith(from) ? to + name.slice(from.length) : name,
      value,
    ]),
  )
}
