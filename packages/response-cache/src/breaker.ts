export type Breaker = {
  /** Whether a call may be made now. After a rest one call is let through; how it ends decides about the others. */
  allows(): boolean
  succeeded(): void
  failed(): void
}

/** Spares everybody the wait for something that failed `failures` times in a row, for `restMs` at a time. */
export function createBreaker({
  failures,
  restMs,
  now,
}: {
  failures: number
  restMs: number
  /** Milliseconds since some fixed point. */
  now(): number
}): Breaker {
  let inARow = 0
  let until = 0
  return {
    allows() {
      if (inARow < failures) return true
      if (now() < until) return false
      until = now() + restMs
      return true
    },
    succeeded() {
      inARow = 0
    },
    failed() {
      inARow += 1
      if (inARow >= failures) until = now() + restMs
    },
  }
}
