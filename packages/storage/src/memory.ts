import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { MortiseError } from '@mortise/errors'
import { asError, chunkBytes, readBody, withBody } from './body.ts'
import { fromHeaders, toHeaders } from './headers.ts'
import { createPlaces } from './keys.ts'
import { checkRange, resolveRange } from './range.ts'
import type { ByteRange, NewObject, ObjectInfo, ObjectRef, Storage, StoredObject } from './storage.ts'

/**
 * Objects in this process, for tests and trials. `maxBytes` bounds bodies, metadata and keys together, bodies that are
 * still arriving included; a put beyond it is `storage_unavailable`.
 */
export function createMemoryStorage({ maxBytes }: { maxBytes: number }): Storage {
  const place = createPlaces({})
  const objects = new Map<string, { bytes: Uint8Array; info: ObjectInfo; weight: number }>()
  const instance = randomUUID()
  let used = 0
  let version = 0

  const nameOf = (ref: ObjectRef) => {
    const { container, key } = place(ref)
    return { key, name: `${container}\0${key}` }
  }

  async function put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
    signal.throwIfAborted()
    const { key, name } = nameOf(ref)
    const described = fromHeaders(toHeaders(object), key)
    const weight = object.size + name.length + JSON.stringify(described).length
    if (used + weight > maxBytes) throw new MortiseError('storage_unavailable', `memory is full (${used} bytes)`)
    used += weight
    try {
      const bytes = await collect(object, signal)
      version += 1
      const info = { ...described, size: object.size, etag: `${instance}-${version}`, lastModified: new Date() }
      remove(name)
      objects.set(name, { bytes, info, weight })
      return info
    } catch (error) {
      used -= weight
      throw error
    }
  }

  function remove(name: string): void {
    used -= objects.get(name)?.weight ?? 0
    objects.delete(name)
  }

  return {
    kind: 'memory',
    async get(ref, { range, signal }) {
      signal.throwIfAborted()
      if (range) checkRange(range)
      const found = objects.get(nameOf(ref).name)
      return found ? storedBytes(found.bytes, found.info, range, signal) : null
    },
    async head(ref, signal) {
      signal.throwIfAborted()
      return objects.get(nameOf(ref).name)?.info ?? null
    },
    put: (ref, object, signal) => withBody(object, () => put(ref, object, signal)),
    async delete(ref, signal) {
      signal.throwIfAborted()
      remove(nameOf(ref).name)
    },
    async ping() {},
    async [Symbol.asyncDispose]() {
      objects.clear()
      used = 0
    },
  }
}

async function collect(object: NewObject, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = new Uint8Array(object.size)
  let at = 0
  for await (const chunk of readBody(object, signal)) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

function storedBytes(
  all: Uint8Array,
  info: ObjectInfo,
  range: ByteRange | undefined,
  signal: AbortSignal,
): StoredObject {
  const span = range && resolveRange(range, all.length)
  const bytes = span ? all.subarray(span.start, span.end + 1) : all
  let stream: Readable | undefined
  let taken = false
  const take = () => {
    if (taken) throw new MortiseError('internal', 'an object was opened once and read twice')
    taken = true
  }
  return {
    info,
    ...(span ? { range: span } : {}),
    stream() {
      take()
      stream = streamBytes(bytes, signal)
      return stream
    },
    async bytes(limit) {
      take()
      signal.throwIfAborted()
      if (bytes.length > limit) throw new MortiseError('too_large', `${bytes.length} bytes, allowed are ${limit}`)
      // A copy: the caller may transfer its buffer to a thread, which takes the bytes away here.
      return bytes.slice() as Uint8Array<ArrayBuffer>
    },
    async [Symbol.asyncDispose]() {
      stream?.destroy()
    },
  }
}

function streamBytes(bytes: Uint8Array, signal: AbortSignal): Readable {
  let at = 0
  const onAbort = () => stream.destroy(asError(signal.reason))
  const stream = new Readable({
    highWaterMark: chunkBytes,
    read() {
      const chunk = bytes.subarray(at, at + chunkBytes)
      at += chunk.length
      this.push(chunk.length > 0 ? Buffer.from(chunk) : null)
    },
    destroy(error, done) {
      signal.removeEventListener('abort', onAbort)
      done(error)
    },
  })
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return stream
}
