import { randomUUID } from 'node:crypto'
import { MortiseError } from '@mortise/errors'
import { readBody, withBody } from './body.ts'
import { checkCondition } from './condition.ts'
import { createMd5, givenEtag } from './etag.ts'
import { fromHeaders, toHeaders } from './headers.ts'
import { createPlaces, placeOfBucket } from './keys.ts'
import { checkListOptions, pageOf, toListing } from './listing.ts'
import { checkRange } from './range.ts'
import type { NewObject, ObjectInfo, ObjectRef, Storage } from './storage.ts'
import { storedBytes } from './stored-bytes.ts'

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

  const infoOf = (name: string) => objects.get(name)?.info ?? null

  async function put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
    signal.throwIfAborted()
    const { key, name } = nameOf(ref)
    const described = fromHeaders(toHeaders(object), key)
    const given = givenEtag(object)
    // Said before the body is taken; what counts is what is there when it has been.
    checkCondition(object, infoOf(name))
    const weight = object.size + name.length + JSON.stringify(described).length
    if (used + weight > maxBytes) throw new MortiseError('storage_unavailable', `memory is full (${used} bytes)`)
    used += weight
    try {
      const bytes = await collect(object, signal)
      checkCondition(object, infoOf(name))
      version += 1
      const md5 = object.md5 && createMd5().update(bytes).digest('hex')
      const etag = given ?? md5 ?? `${instance}-${version}`
      const { name: late, value } = object.lateMetadata ?? {}
      if (late !== undefined && value) described.metadata = { ...described.metadata, [late]: value() }
      const info = { ...described, size: object.size, etag, lastModified: new Date() }
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
      return found ? storedBytes(found.bytes, { info: found.info, ...(range ? { range } : {}), signal }) : null
    },
    async head(ref, signal) {
      signal.throwIfAborted()
      return infoOf(nameOf(ref).name)
    },
    put: (ref, object, signal) => withBody(object, () => put(ref, object, signal)),
    async delete(ref, signal) {
      signal.throwIfAborted()
      remove(nameOf(ref).name)
    },
    async list(bucket, options) {
      checkListOptions(options)
      const container = `${placeOfBucket(place, bucket).container}\0`
      const told = pageOf(keysOf(objects, container), options)
      const infos = told.map(({ text }) => [text, infoOf(container + text.slice(1))] as const)
      return toListing(told, options.limit, new Map(infos))
    },
    async ping() {},
    async [Symbol.asyncDispose]() {
      objects.clear()
      used = 0
    },
  }
}

function* keysOf(objects: Map<string, unknown>, container: string): Generator<string> {
  for (const name of objects.keys()) if (name.startsWith(container)) yield `/${name.slice(container.length)}`
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
