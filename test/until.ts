import { setTimeout as delay } from 'node:timers/promises'

const deadlineMs = 30_000
const betweenMs = 20

/**
 * Waits until the condition holds. Throws when it does not within 30 s, saying what was waited for and what the
 * condition was, or threw, in the end; until then an error means "not yet".
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  await settled(what, condition, seen => seen)
}

/** Waits until `read` gives what is wanted (compared as JSON). */
export async function untilEqual<T>(what: string, read: () => T | Promise<T>, wanted: T): Promise<void> {
  const text = JSON.stringify(wanted)
  await settled(`${what} to be ${text}`, read, seen => JSON.stringify(seen) === text)
}

async function settled<T>(what: string, read: () => T | Promise<T>, holds: (seen: T) => boolean): Promise<void> {
  const end = performance.now() + deadlineMs
  let last: unknown
  while (performance.now() < end) {
    try {
      const seen = await read()
      if (holds(seen)) return
      last = JSON.stringify(seen)
    } catch (error) {
      last = error
    }
    await delay(betweenMs)
  }
  throw new Error(`waited in vain for ${what}; last seen: ${last}`)
}
