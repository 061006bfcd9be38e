import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Told of the bytes of every stream on its way through. Each piece of one is a buffer that is used once. V8 collects
 * such garbage late, 64 MiB of it or more, and then with all that is old; so what is young is collected here, before
 * there is enough of it to begin that. It takes half a millisecond, and makes a long transfer a third faster.
 */
export function countPassed(bytes: number): void {
  passed += bytes
  if (passed < collectEvery) return
  passed = 0
  collector ??= findCollector()
  collector({ type: 'minor' })
}

type Collector = (options: { type: 'minor' }) => void

/** Beyond about 4 MiB V8 begins to collect everything, when the process was idle before. */
const collectEvery = 2 * 1024 * 1024

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
