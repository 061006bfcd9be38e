import { MortiseError } from '@mortise/errors'
import { withBody } from './body.ts'
import { readInfo } from './http-info.ts'
import { createMeasure } from './http-measure.ts'
import { type Opening, partialObject, wholeObject } from './http-object.ts'
import { compileTemplate } from './http-url.ts'
import { createHttpWire, drop, type HttpAnswer, type HttpRequest, unavailable } from './http-wire.ts'
import { createPlaces } from './keys.ts'
import { checkRange, printRange } from './range.ts'
import type { ByteRange, NewObject, ObjectRef, Storage, StoredObject } from './storage.ts'

export type HttpStorageOptions = {
  /** With `<container>` and `<item>`: `https://host/<container><item>`. */
  url: string
  /** Sent with every request to the host that the URL names. */
  headers?: Record<string, string>
  /** The container; absent: the bucket of each object. */
  bucket?: string
  pathPrefix?: string
  /** Connections at most to one host; further requests wait for one. Absent: 64. */
  maxSockets?: number
  /** Milliseconds to wait for a connection, an answer or the next bytes; not for a whole body. Absent: 10,000. */
  timeoutMs?: number
  /** Bytes of an object without length or version, which is read before it is opened. Absent: 16 MiB. */
  maxUnknownBytes?: number
}

/** What any web server has under a URL; read only. A get is one request, unless an origin answers a range badly. */
export function createHttpStorage(options: HttpStorageOptions): Storage {
  const { url: template, maxSockets = 64, timeoutMs = 10_000, maxUnknownBytes = 16 * 1024 * 1024 } = options
  const place = createPlaces(options)
  const { urlOf, origin } = compileTemplate(template, options)
  const wire = createHttpWire({ ...options, maxSockets, timeoutMs })
  const measure = createMeasure({ maxBytes: maxUnknownBytes, maxHeld: 4 * maxUnknownBytes })

  async function get(ref: ObjectRef, { range, signal }: { range?: ByteRange; signal: AbortSignal }) {
    if (range) checkRange(range)
    const request: HttpRequest = { method: 'GET', url: urlOf(place(ref)), signal }
    const opening = { key: ref.key, ...(range ? { range } : {}), signal, timeoutMs }
    if (!range) return open(request, opening)
    const answer = await wire.send({ ...request, range: printRange(range) })
    if (answer.statusCode !== 206) return opened(request, answer, opening)
    const part = partialObject(answer, range, opening)
    if (part) return part
    // Not the part that was asked for: the whole object has it.
    answer.body.on('error', () => {}).destroy()
    return open(request, opening)
  }

  const open = async (request: HttpRequest, opening: Opening) => opened(request, await wire.send(request), opening)

  async function opened(request: HttpRequest, answer: HttpAnswer, opening: Opening): Promise<StoredObject | null> {
    if (answer.statusCode === 200) {
      const info = readInfo(answer.headers, opening.key)
      return info ? wholeObject(answer, info, opening) : measure(answer, opening)
    }
    await drop(answer, request.signal)
    if (absent.has(answer.statusCode)) return null
    if (answer.statusCode === 416 && opening.range) {
      throw new MortiseError('range_not_satisfiable', `range ${printRange(opening.range)} of ${opening.key}`)
    }
    throw unavailable(request, `the origin answered ${answer.statusCode}`)
  }

  const refuse = async (ref: ObjectRef, signal: AbortSignal) => {
    signal.throwIfAborted()
    place(ref)
    throw new MortiseError('unsupported', 'the storage kind http is read only')
  }

  return {
    kind: 'http',
    get,
    async head(ref, signal) {
      const request: HttpRequest = { method: 'HEAD', url: urlOf(place(ref)), signal }
      const answer = await wire.send(request)
      await drop(answer, signal)
      if (absent.has(answer.statusCode)) return null
      const info = answer.statusCode === 200 ? readInfo(answer.headers, ref.key) : null
      if (info) return info
      if (answer.statusCode !== 200 && !noHead.has(answer.statusCode)) {
        throw unavailable(request, `the origin answered ${answer.statusCode}`)
      }
      // The bytes tell what their server does not.
      const object = await get(ref, { signal })
      await object?.[Symbol.asyncDispose]()
      return object?.info ?? null
    },
    put: (ref, object: NewObject, signal) => withBody(object, () => refuse(ref, signal)),
    delete: refuse,
    async ping(signal) {
      if (!origin) return
      // Any answer will do, as long as it is not that of a proxy in front of nothing.
      const request: HttpRequest = { method: 'HEAD', url: new URL(origin), signal }
      const answer = await wire.send(request)
      await drop(answer, signal)
      if (gatewayStatus.has(answer.statusCode)) throw unavailable(request, `the origin answered ${answer.statusCode}`)
    },
    async [Symbol.asyncDispose]() {
      await wire.close()
    },
  }
}

const absent = new Set([404, 410])
const noHead = new Set([405, 501])
const gatewayStatus = new Set([502, 503, 504])
