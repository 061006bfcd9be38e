import { type Failure, fromFailure, MortiseError, toFailure } from '@mortise/errors'
import type { GuardedFetch } from '@mortise/fetch'
import { operationOf } from '@mortise/operations'
import type { Plan } from '@mortise/plan'
import { LRUCache } from 'lru-cache'
import { createGate } from './gate.ts'
import { readLocalImage } from './local-image.ts'
import { createSingleFlight } from './single-flight.ts'

export type OverlaysOptions = {
  /** Owned from here on. */
  fetch: GuardedFetch
  /** Milliseconds after which `fetch` gives up by itself. */
  timeout: number
  /** The paths that presets name. No other file is opened, whatever a plan says. */
  files: ReadonlySet<string>
  /** Bytes of a local file. */
  maxBytes: number
  /** Images on their way at one time. */
  slots: number
  /** Milliseconds since some fixed point. */
  now(): number
}

/** The images that steps lay over others. Disposed, it ends what is under way and forgets what it has. */
export type Overlays = AsyncDisposable & {
  /**
   * All that these steps name, by its name in the step; shared, never to be written to. Throws `invalid_request` when one
   * cannot be had, `storage_unavailable` while those of others are slow to come, and `signal.reason`.
   */
  collect(passes: Plan['passes'], signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>>
}

/** Images in memory (bytes), and how long they are not asked for again (ms). */
const cachedBytes = 64 * 1024 * 1024
const cachedMs = 5 * 60_000
/** So many failures are remembered for so long (ms), lest every request for a dead host waits for its time limit. */
const maxFailures = 1_000
const failedMs = 10_000
/** Different images of one plan. */
const maxImages = 8

export function createOverlays({ fetch, timeout, files, maxBytes, slots, now }: OverlaysOptions): Overlays {
  const clock = { perf: { now }, ttlResolution: 0 }
  const sizeCalculation = ({ byteLength }: Uint8Array) => byteLength || 1
  const images = new LRUCache<string, Uint8Array>({ maxSize: cachedBytes, sizeCalculation, ttl: cachedMs, ...clock })
  const failed = new LRUCache<string, Failure>({ max: maxFailures, ttl: failedMs, ...clock })
  // Strangers choose the hosts: slow ones may hold half of the slots, as a slow storage may, and no more. `fetch` keeps to
  // its own time limit, so the one of the gate is later.
  const gate = createGate({ slots, timeout: timeout * 2, now })

  const load = createSingleFlight(async (name, signal) => {
    try {
      using _slot = await gate.enter(everyHost, signal)
      const bytes = await gate.call(everyHost, signal, limited => read(name, limited))
      images.set(name, bytes)
      return bytes
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof MortiseError)) throw error
      const failure = { ...toFailure(error), message: `watermark: ${error.message}` }
      if (!error.retry) failed.set(name, failure)
      throw new MortiseError(failure.code, failure.message, { ...failure, cause: error })
    }
  })

  async function read(name: string, signal: AbortSignal): Promise<Uint8Array> {
    if (!name.startsWith('file:')) return (await fetch(name, signal)).bytes
    const path = name.slice('file:'.length)
    if (!files.has(path)) throw new MortiseError('invalid_request', 'no preset of this worker names this file')
    return readLocalImage(path, maxBytes)
  }

  async function get(name: string, signal: AbortSignal): Promise<Uint8Array> {
    const failure = failed.get(name)
    if (failure) throw fromFailure(failure)
    return images.get(name) ?? (await load(name, signal))
  }

  return {
    async collect(passes, signal) {
      const names = overlaysOf(passes)
      if (names.size > maxImages) throw new MortiseError('invalid_request', `watermark: more than ${maxImages} images`)
      return new Map(await Promise.all([...names].map(async name => [name, await get(name, signal)] as const)))
    },
    async [Symbol.asyncDispose]() {
      await fetch[Symbol.asyncDispose]()
      images.clear()
      failed.clear()
    },
  }
}

/** All of them are one to the gate: whoever is slow under many names gains nothing. */
const everyHost = 'watermarks'

function overlaysOf(passes: Plan['passes']): Set<string> {
  const names = passes.flat().map(step => operationOf(step).overlay?.(step))
  return new Set(names.filter(name => name !== undefined))
}
