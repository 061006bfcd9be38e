import { createLocalChanges } from '@mortise/changes'
import { MortiseError } from '@mortise/errors'
import type { ImagePool } from '@mortise/image'
import type { NewObject, ObjectRef, Storage } from '@mortise/storage'
import { createDerive, createDeriveAll, type DeriveDeps, type Overlays } from './derive.ts'
import type { TraceOf } from './trace.ts'

/** Calls that are never answered, by name of the storage; they end with their signal. */
export type Silent = Record<string, readonly ('get' | 'head' | 'put')[]>

export type BenchOptions = {
  silent?: Silent
  originals?: number
  storageTimeout?: number
  overlays?: Overlays
  traceOf?: TraceOf
  now?(): number
}

type Place = ObjectRef & { storage: string }

/** For the tests of this package: derive, with storages that are empty when they are created, and texts for images. */
export async function createBench(
  create: () => Storage,
  {
    silent = {},
    originals = 4,
    storageTimeout = 60_000,
    overlays = noOverlays,
    now = Date.now,
    traceOf = () => null,
  }: BenchOptions = {},
) {
  const storages = createStorages(create, silent)
  const changes = createLocalChanges(now)
  const images = createTextPool()
  const deps: DeriveDeps = {
    storage: storages.get,
    images: images.pool,
    overlays,
    changes,
    isSameObject: (one, other) => one.key === other.key,
    traceOf,
    originals,
    limits: { inputBytes: 100, storageTimeout },
    now,
  }
  const derive = createDerive(deps)
  const deriveAll = createDeriveAll(deps)
  const basic = { storage: 'photos/basic', bucket: 'photos' }
  await storages.write({ ...basic, key: '/cat.jpg' }, 'a picture', 'image/jpeg')
  await storages.write({ ...basic, key: '/notes.txt' }, 'no picture', 'text/plain')
  await storages.write({ ...basic, key: '/large.jpg' }, 'x'.repeat(101), 'image/jpeg')
  return { derive, deriveAll, storages, images, changes }
}

const noOverlays: Overlays = { collect: async () => new Map(), async [Symbol.asyncDispose]() {} }

/** The names that are configured; a test writes and reads past what is silent. */
function createStorages(create: () => Storage, silent: Silent) {
  const names = ['photos/basic', 'photos/transform', 'slow/basic', 'slow/transform']
  const storages = new Map(names.map(name => [name, create()]))
  const plain = (name: string) => {
    const found = storages.get(name)
    if (!found) throw new MortiseError('storage_unavailable', `no storage ${name}`)
    return found
  }
  const never = new AbortController().signal
  const puts: NewObject[] = []
  return {
    /** What derive has put, in order. */
    puts,
    get(name: string): Storage {
      const storage = withSilence(plain(name), silent[name] ?? [])
      const put: Storage['put'] = (ref, object, signal) => {
        puts.push(object)
        return storage.put(ref, object, signal)
      }
      return { ...storage, put }
    },
    /** Leaves other bytes under everything that was said of an object. */
    async tear({ storage, ...ref }: Place, left: string): Promise<void> {
      const body = Buffer.from(left)
      const info = await plain(storage).head(ref, never)
      await plain(storage).put(ref, { ...info, body, size: body.length }, never)
    },
    write({ storage, ...ref }: Place, text: string, contentType: string) {
      const body = Buffer.from(text)
      return plain(storage).put(ref, { body, size: body.length, contentType }, never)
    },
    async read({ storage, ...ref }: Place): Promise<string | null> {
      const object = await plain(storage).get(ref, { signal: never })
      return object && textOf(await object.bytes(1_000))
    },
  }
}

function withSilence(storage: Storage, calls: Silent[string]): Storage {
  return {
    ...storage,
    get: (ref, options) => (calls.includes('get') ? hang(options.signal) : storage.get(ref, options)),
    head: (ref, signal) => (calls.includes('head') ? hang(signal) : storage.head(ref, signal)),
    put: (ref, object, signal) => (calls.includes('put') ? hang(signal) : storage.put(ref, object, signal)),
  }
}

/** What a storage does that is asked and never answers, until the signal ends it. */
export function hang(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  if (signal.aborted) reject(signal.reason)
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  return promise
}

/** "Renders" a text into another, and counts. */
function createTextPool() {
  const state = { renders: 0, running: 0, mostRunning: 0, failWith: null as Error | null }
  const render: ImagePool['render'] = async ({ bytes, overlays = new Map() }) => {
    state.renders++
    state.mostRunning = Math.max(state.mostRunning, ++state.running)
    await new Promise(resolve => setImmediate(resolve))
    state.running--
    if (state.failWith) throw state.failWith
    const below = [...overlays.values()].map(overlay => ` below ${textOf(overlay)}`).join('')
    const body = new TextEncoder().encode(`rendered from ${textOf(bytes)}${below}`)
    return { bytes: body, contentType: 'image/jpeg', etag: 'digest', width: 3, height: 2 }
  }
  const close = async () => true
  const renderAll: ImagePool['renderAll'] = async ({ bytes, variants, signal, onEnd }) => {
    for (const [index, variant] of variants.entries()) {
      const rendering = render({ ...variant, bytes: bytes.slice(), signal })
      const result = await rendering.then(
        rendered => ({ ok: true, rendered }) as const,
        error => ({ ok: false, error }) as const,
      )
      await onEnd(index, result)
    }
  }
  const background = { running: 0, waiting: 0 }
  const stats = () => ({ threads: 1, running: state.running, waiting: 0, background, memory: 0 })
  return Object.assign(state, {
    pool: { render, renderAll, stats, close, [Symbol.asyncDispose]: async () => {} } satisfies ImagePool,
  })
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}
