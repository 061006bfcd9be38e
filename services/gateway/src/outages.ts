import { type ErrorCode, errorCodes } from '@mortise/errors'
import { createSeldom, type Log } from '@mortise/telemetry'
import { replies } from './errors.ts'

/** Milliseconds between two lines about the same. */
const periodMs = 10_000

/** `operators`: as the error says it. */
export type OutageLog = (
  code: ErrorCode,
  facts: { bucket?: string } & Record<string, unknown>,
  operators?: boolean,
) => void

/**
 * Says at `warn` that requests fail for a reason that is not theirs: a storage, the queue, too much work, a script, or
 * something that a storage cannot do. One line for each code and bucket within ten seconds, with how many were like it
 * since the last one.
 */
export function createOutageLog(log: Pick<Log, 'warn'>, now: () => number): OutageLog {
  const seldom = createSeldom({ periodMs, now })
  return (code, facts, operators = false) => {
    if (!operators && !isOutage(code)) return
    seldom(`${code} ${facts.bucket ?? ''}`, more => log.warn({ ...facts, code, ...more }, 'requests fail'))
  }
}

/** What a retry may mend is not the client's mistake, unless he has left. */
function isOutage(code: ErrorCode): boolean {
  return replies[code].status >= 500 && code !== 'cancelled' && (errorCodes[code].retry || others.has(code))
}

const others: ReadonlySet<ErrorCode> = new Set(['timed_out', 'poisoned', 'unsupported', 'invalid_config'])
