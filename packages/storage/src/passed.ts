import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Told of the bytes of every body on its way through. Each piece of one is a buffer that is used once. V8 does not see
 * how large such garbage is until 64 MiB of it lie about, and the process then keeps the room; so what is young, and
 * with it the buffers that have been read, is collected every few MiB, in about half a millisecond.
 */
export function countPassed(bytes: number): void {
  passed += bytes
  if (passed < collectEvery) return
  passed = 0
  collector ??= findCollector()
  collector({ type: 'minor' })
}

type Collector = (options: { type: 'minor' }) => void

const collectEvery = 8 * 1024 * 1024

let passed = 0
let collector: Collector | undefined

/** Only contexts that are made while the flag is set have it. Code that V8 keeps on disk is for the flags at the start. */
function findCollector(): Collector {
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('gc')
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
