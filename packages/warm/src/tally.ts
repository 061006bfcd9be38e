import { type Failure, messageOf, toFailure } from '@mortise/errors'
import type { BatchOutcome } from '@mortise/queue/batches'

/** How far it is. JSON. */
export type WarmProgress = {
  state: 'running' | 'done' | 'cancelled' | 'failed'
  /** Why it has failed, as a whole; else `null`. */
  error: Failure | null
  /** Objects found so far; `counted`: these are all. */
  found: number
  counted: boolean
  /** Originals whose derivatives wait to be made, or are being made: also when it was cancelled, for they stay so. */
  queued: number
  /** Objects that nothing is left to do for. */
  done: number
  /** Objects that are no pictures, or are gone. */
  ignored: number
  /** Originals that were replaced meanwhile; who did that has queued them again. */
  dropped: number
  /** Derivatives: made now, there already, not to be made; and those that a dry run has not found. */
  made: number
  skipped: number
  failed: number
  missing: number
  /** Of the first that could not be made. */
  failures: WarmFailure[]
  /** Objects per second, over the last half minute. */
  rate: number
  /** Seconds; `null` while nobody knows. */
  remaining: number | null
  /** Seconds since the start, or that it took. */
  seconds: number
}

/** Derivatives of one original that could not be made for one reason. */
export type WarmFailure = { key: string; code: Failure['code']; message: string; derivatives: number }

export type Tally = ReturnType<typeof createTally>

const maxFailures = 100
const maxMessage = 300
/** Samples, at least so many ms apart. */
const sampleMs = 1000
const maxSamples = 30

/** `now`: milliseconds since some fixed point. */
export function createTally(now: () => number) {
  const started = now()
  const counts = { found: 0, taken: 0, queued: 0, done: 0, ignored: 0, dropped: 0 }
  const derivatives = { made: 0, skipped: 0, failed: 0, missing: 0 }
  const failures: WarmFailure[] = []
  const samples = [{ at: started, done: 0 }]
  let counted = false
  let end: { state: WarmProgress['state']; error: Failure | null; at: number } | undefined

  function fail(key: string, { code, message }: Failure, count: number) {
    derivatives.failed += count
    if (failures.length >= maxFailures) return
    failures.push({ key, code, message: message.slice(0, maxMessage), derivatives: count })
  }

  function sample() {
    const last = samples.at(-1)
    const at = now()
    if (last && at - last.at < sampleMs) return
    samples.push({ at, done: counts.done })
    if (samples.length > maxSamples) samples.shift()
  }

  function rate(): number {
    const [oldest] = samples
    const ms = (end?.at ?? now()) - (oldest?.at ?? 0)
    return oldest && ms > 0 ? (counts.done - oldest.done) / (ms / 1000) : 0
  }

  return {
    /** Objects that a look ahead has found. */
    found(count: number) {
      counts.found += count
    },
    counted() {
      counted = true
    },
    taken() {
      counts.taken++
    },
    queued(change: 1 | -1) {
      counts.queued += change
    },
    ignored() {
      counts.ignored++
    },
    /** A dry run has looked at an original. */
    looked({ missing, skipped }: { missing: number; skipped: number }) {
      derivatives.missing += missing
      derivatives.skipped += skipped
    },
    /** A batch has ended. That there is no picture (any more) is no failure. */
    ended(key: string, { made, skipped, failures, dropped }: BatchOutcome) {
      derivatives.made += made
      derivatives.skipped += skipped
      if (dropped) counts.dropped++
      const real = failures.filter(({ failure }) => failure.code !== 'no_such_object')
      if (made + skipped + real.length === 0 && failures.length > 0) counts.ignored++
      const alike = Map.groupBy(real, ({ failure }) => `${failure.code} ${failure.message}`)
      for (const [first, ...others] of alike.values()) if (first) fail(key, first.failure, 1 + others.length)
    },
    failed(key: string, error: unknown, count: number) {
      fail(key, toFailure(error), count)
    },
    done() {
      counts.done++
      sample()
    },
    end(state: Exclude<WarmProgress['state'], 'running'>, error?: unknown) {
      const failure =
        error === undefined ? null : { ...toFailure(error), message: messageOf(error).slice(0, maxMessage) }
      end ??= { state, error: failure, at: now() }
    },
    progress(): WarmProgress {
      const { taken, ...shown } = counts
      const complete = counted || end?.state === 'done'
      const found = end?.state === 'done' ? taken : Math.max(shown.found, taken)
      const perSecond = rate()
      const left = Math.max(0, found - shown.done)
      const known = complete && perSecond > 0 && !end
      return {
        ...{ state: end?.state ?? 'running', error: end?.error ?? null },
        ...{ ...shown, found, counted: complete, ...derivatives, failures: [...failures] },
        rate: round(perSecond),
        remaining: end ? 0 : known ? Math.ceil(left / perSecond) : null,
        seconds: round(((end?.at ?? now()) - started) / 1000),
      }
    },
  }
}

const round = (value: number) => Math.round(value * 10) / 10
