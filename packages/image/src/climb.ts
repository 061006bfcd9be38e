import type { Size } from '@mortise/operations'
import type { Budget, Lane } from './budget.ts'
import type { KnownOverlay } from './headers.ts'
import type { Source } from './source.ts'
import { createStand } from './stand.ts'
import type { SharedReply, SharedTask } from './thread.ts'
import { unwrap } from './threads.ts'
import type { Rendered } from './types.ts'
import type { Work } from './work.ts'

/** The steps of one ladder, one at a time, each with a thread of its own. */
export type Climb = {
  /** Throws what making it throws; then, and where there is no memory for it, all is rendered from the original. */
  makeLevel(work: Work, size: Size): Promise<void>
  /** From the level at hand, or from the original. Throws as `ImagePool.render` does. */
  render(one: Known): Promise<Rendered>
  end(): void
}

/** A derivative with which nothing is wrong as far as headers tell, and estimates of bytes: for reading, and besides. */
export type Known = { work: Work; overlays: KnownOverlay[]; reading: number; rest: number }

/** It is away while a thread has it. What it failed with, nothing else can be made of it. */
export type Original = { source: Source | null; failure: unknown }

export type ClimbParts = {
  memory: Budget
  takeSlot(signal: AbortSignal, lane: Lane): Promise<() => void>
  /**
   * Runs it on a thread; `giveBack` is called when its native work has ended, which is before this resolves. Rejects with
   * `signal.reason`, and when the source is lost.
   */
  share<T extends Rendered | Source>(task: Step, signal: AbortSignal, giveBack: () => void): Promise<SharedReply<T>>
}

export type Step = Pick<SharedTask, 'source' | 'work' | 'level'> & { overlays: KnownOverlay[] }

/** `bytes`: of memory, for the levels and what is made of them; `null` where there are not to be any. */
export function createClimb(parts: ClimbParts, original: Original, bytes: number | null, signal: AbortSignal): Climb {
  const { memory, takeSlot, share } = parts
  const stand = createStand(memory)
  let begun = false

  async function ofOriginal<T extends Rendered | Source>(task: Omit<Step, 'source'>, giveBack: () => void): Promise<T> {
    const { source } = original
    if (!source) {
      giveBack()
      throw original.failure
    }
    original.source = null
    try {
      const { reply, source: back } = await share<T>({ ...task, source }, signal, giveBack)
      // An overlay could be what cannot be decoded.
      const isBroken = !reply.ok && reply.failure.code === 'undecodable' && task.overlays.length === 0
      if (!isBroken) original.source = back
      return unwrap(reply)
    } catch (error) {
      original.failure = error
      throw error
    }
  }

  /** A slot, and the stand for as long as native work takes; `null` when the stand is closed. */
  async function borrow() {
    const returnSlot = await takeSlot(signal, 'background')
    const borrowed = stand.borrow()
    const giveBack = () => {
      returnSlot()
      borrowed?.giveBack()
    }
    if (borrowed) return { level: borrowed.level, giveBack }
    giveBack()
    return null
  }

  async function renderAlone({ work, overlays, reading, rest }: Known): Promise<Rendered> {
    const returnMemory = await memory.take(reading + rest, signal, 'background')
    const returnSlot = await takeSlot(signal, 'background').catch(error => {
      returnMemory()
      throw error
    })
    return ofOriginal({ work, overlays, level: null }, () => {
      returnSlot()
      returnMemory()
    })
  }

  return {
    async makeLevel(work, size) {
      if (!begun && bytes !== null) await stand.open(bytes, signal)
      begun = true
      const borrowed = stand.isOpen ? await borrow() : null
      if (!borrowed) return
      const task = { work, level: size, overlays: [] }
      try {
        const { level, giveBack } = borrowed
        if (level) stand.put(unwrap((await share<Source>({ ...task, source: level }, signal, giveBack)).reply))
        else stand.put(await ofOriginal<Source>(task, giveBack))
      } catch (error) {
        stand.close()
        throw error
      }
    },

    async render(one) {
      const borrowed = stand.hasLevel ? await borrow() : null
      if (!borrowed?.level) return renderAlone(one)
      const { work, overlays } = one
      try {
        const task = { work, overlays, level: null, source: borrowed.level }
        const { reply, source } = await share<Rendered>(task, signal, borrowed.giveBack)
        stand.put(source)
        return unwrap(reply)
      } catch (error) {
        if (!stand.hasLevel) stand.close()
        throw error
      }
    },

    end: stand.close,
  }
}
