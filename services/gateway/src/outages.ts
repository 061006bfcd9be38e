import { type ErrorCode, errorCodes } from '@mortise/errors'
import type { Log } from '@mortise/telemetry'
import { LRUCache } from 'lru-cache'
import { replies } from './errors.ts'

/** Milliseconds between two lines about the same. */
const periodMs = 10_000

/** Of the buckets of a configuration and a handful of codes, more than this do not fail at once. */
const maxKinds = 1000

export type OutageLog = (code: ErrorCode, facts: { bucket?: string } & Record<string, unknown>) => void

/**
 * Says at `warn` that requests fail for a reason that is not theirs: a storage, the queue, too much work. One line for
 * each code and bucket within ten seconds, with how many were like it since the last one.
 */
export function createOutageLog(log: Pick<Log, 'warn'>, now: () => number): OutageLog {
  const said = new LRUCache<string, { at: number; unsaid: number }>({ max: maxKinds })
  return (code, facts) => {
    if (!isOutage(code)) return
    const kind = `${code} ${facts.bucket ?? ''}`
    const last = said.get(kind)
    if (last && now() - last.at < periodMs) {
      last.unsaid += 1
      return
    }
    said.set(kind, { at: now(), unsaid: 0 })
    log.warn({ ...facts, code, ...(last?.unsaid ? { moreSince: last.unsaid } : {}) }, 'requests fail')
  }
}

/** What a retry may mend is not the client's mistake, unless he has left. */
function isOutage(code: ErrorCode): boolean {
  return replies[code].status >= 500 && code !== 'cancelled' && (errorCodes[code].retry || others.has(code))
}

const others: ReadonlySet<ErrorCode> = new Set(['timed_out', 'poisoned'])
