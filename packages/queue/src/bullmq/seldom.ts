import { messageOf } from '@mortise/errors'

const seldomMs = 5_000
const maxMessages = 50

/** A Redis that is away is reported by every connection at every attempt: one report of a kind is enough for a while. */
export function seldom(onError: (error: unknown) => void): (error: unknown) => void {
  const reported = new Map<string, number>()
  return error => {
    const message = messageOf(error)
    const now = Date.now()
    if (now - (reported.get(message) ?? 0) < seldomMs) return
    if (reported.size >= maxMessages) reported.clear()
    reported.set(message, now)
    onError(error)
  }
}
