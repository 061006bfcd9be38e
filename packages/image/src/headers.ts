import { MortiseError } from '@mortise/errors'
import { operationOf } from '@mortise/operations'
import type { Pass } from '@mortise/plan'
import type { Lane } from './budget.ts'
import { toOverlayError } from './errors.ts'
import type { Guard } from './guard.ts'
import { type Header, type Look, readHeader } from './header.ts'
import { readJpegHeader } from './jpeg-header.ts'

/** An overlay before its bytes are copied for a thread. */
export type KnownOverlay = { name: string; bytes: Uint8Array; header: Header }

export type Headers = {
  read(bytes: Uint8Array, signal: AbortSignal, lane?: Lane): Promise<Header>
  /** The overlays that the steps name, each once. What is wrong with one is `undecodable` or `invalid_request`. */
  readOverlays(
    passes: Pass[],
    files: ReadonlyMap<string, Uint8Array> | undefined,
    signal: AbortSignal,
    lane?: Lane,
  ): Promise<KnownOverlay[]>
}

export type HeadersOptions = {
  inputPixels: number
  look: Look
  /** How the overlay with this name is looked through when it is an SVG. */
  lookAtOverlay(name: string): Look
  guard: Guard
  /** Waits for one of the renders that there may be at one time; resolves with what gives it back. */
  takeSlot(signal: AbortSignal, lane?: Lane): Promise<() => void>
}

export function createHeaders({ inputPixels, look, lookAtOverlay, guard, takeSlot }: HeadersOptions): Headers {
  // The same watermark comes with every render that wants it; it is known for as long as its owner keeps its bytes.
  const known = new WeakMap<Uint8Array, Header>()

  async function readWith(look: Look, bytes: Uint8Array, signal: AbortSignal, lane?: Lane): Promise<Header> {
    const plain = readJpegHeader(bytes)
    if (plain) return plain
    // Some formats are parsed whole to be asked their size, which nothing interrupts: that counts as a render.
    const giveBack = await takeSlot(signal, lane)
    return guard.watch(readHeader(bytes, inputPixels, look), signal, { giveBack })
  }

  async function readOverlay(name: string, bytes: Uint8Array, signal: AbortSignal, lane?: Lane): Promise<Header> {
    const before = known.get(bytes)
    if (before) return before
    const header = await readWith(lookAtOverlay(name), bytes, signal, lane).catch(error => {
      throw signal.aborted ? signal.reason : toOverlayError(error)
    })
    known.set(bytes, header)
    return header
  }

  return {
    read: (bytes, signal, lane) => readWith(look, bytes, signal, lane),
    async readOverlays(passes, files, signal, lane) {
      const names = new Set(passes.flat().flatMap(step => operationOf(step).overlay?.(step) ?? []))
      const overlays: KnownOverlay[] = []
      for (const name of names) {
        const bytes = files?.get(name)
        if (!bytes) throw new MortiseError('internal', 'a watermark came without its image')
        overlays.push({ name, bytes, header: await readOverlay(name, bytes, signal, lane) })
      }
      return overlays
    },
  }
}
