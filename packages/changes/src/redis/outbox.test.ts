import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createOutbox } from './outbox.ts'
import { maxEntries } from './wire.ts'

/** An outbox, and what was sent from it, each to be noted by hand. */
function open() {
  const sent: { slots: readonly number[]; noted: () => void }[] = []
  const errors: unknown[] = []
  const link = { broken: false }
  const outbox = createOutbox({
    async send(slots) {
      if (link.broken) throw new Error('away')
      const { promise, resolve } = Promise.withResolvers<void>()
      sent.push({ slots, noted: resolve })
      return { noted: promise }
    },
    onError: error => errors.push(error),
  })
  return { outbox, sent, errors, link }
}

describe('an outbox', () => {
  it('sends as one what is added in one turn, each slot once', async () => {
    const { outbox, sent } = open()
    const told = [7, 8, 7].map(outbox.add)
    await expect.poll(() => sent.length).toBe(1)
    expect(sent[0]?.slots).toEqual([7, 8])
    sent[0]?.noted()
    await Promise.all(told)
  })

  it('sends what comes while others have not answered yet, without waiting until they have', async () => {
    const { outbox, sent } = open()
    const first = outbox.add(1)
    await expect.poll(() => sent.length).toBe(1)
    const second = outbox.add(1)
    await expect.poll(() => sent.length).toBe(2)
    sent[1]?.noted()
    await second
    sent[0]?.noted()
    await first
  })

  it('divides what would be too much for one notice', async () => {
    const { outbox, sent } = open()
    const told = Array.from({ length: maxEntries + 1 }, (_, slot) => outbox.add(slot))
    await expect.poll(() => sent.length).toBe(2)
    expect(sent.map(({ slots }) => slots.length)).toEqual([maxEntries, 1])
    for (const { noted } of sent) noted()
    await Promise.all(told)
  })

  it('keeps what could not be sent, lets nobody wait for it, and sends it later', async () => {
    const { outbox, sent, errors, link } = open()
    link.broken = true
    await Promise.all([outbox.add(1), outbox.add(2)])
    expect(errors.map(String)).toEqual(['Error: not told to other processes: away'])
    link.broken = false
    outbox.flush()
    await expect.poll(() => sent.length).toBe(1)
    expect(sent[0]?.slots).toEqual([1, 2])
  })

  it('has a change that was not sent the first time waited for by who announces it again', async () => {
    const { outbox, sent, link } = open()
    link.broken = true
    await outbox.add(1)
    link.broken = false
    let told = false
    const again = outbox.add(1).then(() => (told = true))
    await expect.poll(() => sent.length).toBe(1)
    await turn()
    expect(told).toBe(false)
    sent[0]?.noted()
    await again
  })

  it('sends nothing when it is closed', async () => {
    const { outbox, sent } = open()
    await outbox.close()
    outbox.add(1)
    await turn()
    await turn()
    expect(sent).toEqual([])
  })
})
