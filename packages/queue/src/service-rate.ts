/** How fast waiting jobs are being answered here, measured while some wait. */
export type ServiceRate = {
  /** The first job starts to wait: time spent idle says nothing about the service. */
  begin(): void
  served(): void
  /** Whole seconds after which `waiting` jobs will have been answered, 1 to 60. */
  secondsFor(waiting: number): number
}

/** Jobs per second until something has been measured. */
const firstGuess = 10
const sampleMs = 250
/** A sample of this length counts for 63 %, so that a burst of quick failures does not decide the answer alone. */
const memoryMs = 5_000

export function createServiceRate(): ServiceRate {
  let perSecond = firstGuess
  let since = performance.now()
  let count = 0

  function sample() {
    const elapsed = performance.now() - since
    if (elapsed < sampleMs) return
    const weight = 1 - Math.exp(-elapsed / memoryMs)
    perSecond += weight * ((count * 1000) / elapsed - perSecond)
    since += elapsed
    count = 0
  }

  return {
    begin() {
      since = performance.now()
      count = 0
    },
    served() {
      count++
      sample()
    },
    secondsFor(waiting) {
      // Sampled here as well: when nothing is served any more, nobody else would notice.
      sample()
      return Math.min(Math.max(Math.ceil(waiting / Math.max(perSecond, 0.001)), 1), 60)
    },
  }
}
