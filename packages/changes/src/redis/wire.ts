import { type Counted, type Entry, maxCount, slotCount } from '../ledger.ts'

/** What goes over the channel. `number`: for the answer to the sender. */
export type Notice = Counted & { from: string; number: number; entries: Entry[] }

/** Entries of one notice. */
export const maxEntries = 4_096

export function printNotice({ from, number, epoch, entries }: Notice): string {
  return JSON.stringify({ from, number, epoch, entries })
}

/** `null` when it is none: what comes out of Redis is input. */
export function parseNotice(text: string): Notice | null {
  if (text.length > maxText) return null
  try {
    const { from, number, epoch, entries } = JSON.parse(text)
    if (typeof from !== 'string' || !senders.test(from) || !Number.isSafeInteger(number)) return null
    if (typeof epoch !== 'string' || !Array.isArray(entries) || !entries.every(isEntry)) return null
    return { from, number, epoch, entries }
  } catch {
    return null
  }
}

/** The fields of a hash, by turns names and values. What is no count of a slot is left out. */
export function readEntries(fields: readonly unknown[]): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const entry = [Number(fields[at]), Number(fields[at + 1])]
    if (isEntry(entry)) entries.push(entry)
  }
  return entries
}

const senders = /^[0-9a-f-]{36}$/

/** Characters of a notice; one with `maxEntries` is shorter. */
const maxText = 256 * 1024

function isEntry(value: unknown): value is Entry {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [slot, count] = value
  const isSlot = Number.isInteger(slot) && slot >= 0 && slot < slotCount
  return isSlot && Number.isInteger(count) && count > 0 && count <= maxCount
}
