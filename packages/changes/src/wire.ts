import { type Entry, slotCount } from './ledger.ts'

/** What goes over the channel. `number`: for the answer to the sender. */
export type Notice = { from: string; number: number; entries: Entry[] }

/** The field, beside the slots, whose value tells that the counts began anew. */
export const epochField = 'epoch'

export function printNotice({ from, number, entries }: Notice): string {
  return JSON.stringify({ from, number, entries })
}

/** `null` when it is none: what comes out of Redis is input. */
export function parseNotice(text: string): Notice | null {
  try {
    const { from, number, entries } = JSON.parse(text)
    if (typeof from !== 'string' || !senders.test(from) || !Number.isSafeInteger(number)) return null
    if (!Array.isArray(entries) || !entries.every(isEntry)) return null
    return { from, number, entries }
  } catch {
    return null
  }
}

/** The epoch, and how often each slot has changed. */
export function readCounts(hash: Record<string, string>): [epoch: string, counts: Map<number, number>] {
  const entries = Object.entries(hash).map(([slot, count]): Entry => [Number(slot), Number(count)])
  return [`${hash[epochField] ?? ''}-`, new Map(entries.filter(isEntry))]
}

const senders = /^[0-9a-f-]{36}$/

function isEntry(value: unknown): value is Entry {
  if (!Array.isArray(value)) return false
  const [slot, count] = value
  return Number.isInteger(slot) && slot >= 0 && slot < slotCount && Number.isSafeInteger(count) && count > 0
}
