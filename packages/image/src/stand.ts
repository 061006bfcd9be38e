import type { Budget } from './budget.ts'
import type { Source } from './source.ts'

/** Holds the level at hand, and the memory that it takes and what is made of it. */
export type Stand = {
  /** It has memory. Closed, it stays so. */
  readonly isOpen: boolean
  /** There is a level at hand, and nothing runs. */
  readonly hasLevel: boolean
  /** Waits for the memory of all that follows. */
  open(bytes: number, signal: AbortSignal): Promise<void>
  /** For native work, which says when it has ended. `null`: the stand is closed. Without a level there was none yet. */
  borrow(): { level: Source | null; giveBack(): void } | null
  put(level: Source): void
  /** The memory goes back as soon as no native work uses it. */
  close(): void
}

/**
 * While nothing runs, the level is given up to interactive work that waits for memory, and what is left is rendered from
 * the original. Otherwise who waits for a thread would hold what the one with the thread needs.
 */
export function createStand(memory: Budget): Stand {
  let level: Source | null = null
  let [isOpen, isRunning] = [false, false]
  let returnMemory = () => {}
  let keep = () => {}

  function settle() {
    if (isOpen || isRunning) return
    level = null
    returnMemory()
  }

  function close() {
    keep()
    isOpen = false
    settle()
  }

  function lend() {
    if (isOpen) keep = memory.lend(close)
  }

  return {
    get isOpen() {
      return isOpen
    },
    get hasLevel() {
      return level !== null
    },
    async open(bytes, signal) {
      returnMemory = await memory.take(bytes, signal, 'background')
      isOpen = true
      lend()
    },
    borrow() {
      if (!isOpen) return null
      keep()
      isRunning = true
      const borrowed = level
      level = null
      return {
        level: borrowed,
        giveBack() {
          isRunning = false
          settle()
          lend()
        },
      }
    },
    put(made) {
      if (isOpen) level = made
    },
    close,
  }
}
