import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Entry, maxCount, slotCount } from '../ledger.ts'
import { maxEntries, type Notice, parseNotice, printNotice, readEntries } from './wire.ts'

const from = '00000000-0000-4000-8000-000000000000'
const notice = { from, number: 1, epoch: 'e-1', entries: [[7, 1] as Entry] } satisfies Notice
const last: Entry = [slotCount - 1, maxCount]

describe('a notice', () => {
  it('is read as it was written', () => {
    const entries = fc.array(fc.tuple(fc.nat(slotCount - 1), fc.integer({ min: 1, max: maxCount })))
    fc.assert(
      fc.property(fc.uuid(), fc.maxSafeNat(), fc.string(), entries, (from, number, epoch, entries) => {
        expect(parseNotice(printNotice({ from, number, epoch, entries }))).toEqual({ from, number, epoch, entries })
      }),
    )
  })

  it('is read with as many entries as one has at most', () => {
    const entries = Array.from({ length: maxEntries }, () => last)
    expect(parseNotice(printNotice({ ...notice, entries }))?.entries).toHaveLength(maxEntries)
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['null', 'null'],
    ['another type', '7'],
    ['a list', '[]'],
    ['no sender', JSON.stringify({ ...notice, from: undefined })],
    ['a sender that would be another channel', JSON.stringify({ ...notice, from: '*' })],
    ['a number that is text', JSON.stringify({ ...notice, number: '1' })],
    ['no epoch', JSON.stringify({ ...notice, epoch: undefined })],
    ['no entries', JSON.stringify({ ...notice, entries: undefined })],
    ['an entry without a count', JSON.stringify({ ...notice, entries: [[1]] })],
    ['an entry with more', JSON.stringify({ ...notice, entries: [[1, 1, 1]] })],
    ['an entry as an object', JSON.stringify({ ...notice, entries: [{ 0: 1, 1: 1 }] })],
    ['a slot that there is not', JSON.stringify({ ...notice, entries: [[slotCount, 1]] })],
    ['a slot below the first', JSON.stringify({ ...notice, entries: [[-1, 1]] })],
    ['half a slot', JSON.stringify({ ...notice, entries: [[0.5, 1]] })],
    ['no change', JSON.stringify({ ...notice, entries: [[1, 0]] })],
    ['too many changes', JSON.stringify({ ...notice, entries: [[1, maxCount + 1]] })],
    ['one good entry and one bad', JSON.stringify({ ...notice, entries: [[1, 1], 'x'] })],
    ['far too much', JSON.stringify({ ...notice, entries: Array.from({ length: 50_000 }, () => last) })],
  ])('is not: %s', (_, text) => expect(parseNotice(text)).toBeNull())

  it('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), text => void parseNotice(text)))
  })
})

describe('the counts of a hash', () => {
  it('are read without what is no count', () => {
    const fields = ['epoch', 'abc', '7', '2', 'total', '2', '65536', '1', '8', '-1', '9', 'x', '10', '3']
    expect(readEntries(fields)).toEqual([
      [7, 2],
      [10, 3],
    ])
  })

  it.each([[[]], [['7']], [[null, null]], [['7', '1', '8']]])('of %j are read', fields => {
    expect(readEntries(fields).length).toBeLessThan(2)
  })
})
