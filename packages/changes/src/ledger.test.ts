import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLocalChanges } from './changes.ts'
import { createLedger, type Entry, maxCount, slotCount, slotOf } from './ledger.ts'

const minute = 60_000

function open() {
  let time = 0
  const ledger = createLedger(() => time, 'own')
  const adopt = (epoch: string, ...entries: Entry[]) => ledger.adopt({ epoch, entries })
  const note = (epoch: string, ...entries: Entry[]) => ledger.note({ epoch, entries })
  return { ledger, adopt, note, pass: (ms: number) => (time += ms) }
}

const [key, slot, other] = ['a.jpg', slotOf('a.jpg'), slotOf('b.jpg')]

describe('slotOf', () => {
  it.each([
    ['bucket/folder/a.jpg', 'a.jpg'],
    ['a/b/', ''],
    ['/', ''],
  ])('knows %j by its last segment', (one, two) => expect(slotOf(one)).toBe(slotOf(two)))

  it('gives every key a slot', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), key => {
        expect(Number.isInteger(slotOf(key)) && slotOf(key) >= 0 && slotOf(key) < slotCount).toBe(true)
      }),
    )
  })

  it('spreads names that differ little', () => {
    const slots = new Set(Array.from({ length: 10_000 }, (_, i) => slotOf(`folder/IMG_${i}.JPG`)))
    expect(slots.size).toBeGreaterThan(9_000)
  })
})

describe('a ledger', () => {
  it('tells the marks of an object that changed from those of one that did not', () => {
    const { ledger } = open()
    const [mine, yours] = [ledger.mark(key), ledger.mark('b.jpg')]
    ledger.bump(slot)
    expect([mine.isCurrent(), yours.isCurrent(), ledger.mark(key).isCurrent()]).toEqual([false, true, true])
    expect(ledger.mark(key).stamp).not.toBe(mine.stamp)
    expect(ledger.mark('b.jpg').stamp).toBe(yours.stamp)
  })

  it('takes what was counted for the end of its own change, and of another one that has come since for both', () => {
    const { ledger, adopt, note } = open()
    adopt('e', [slot, 5])
    ledger.bump(slot)
    ledger.bump(slot)
    const mark = ledger.mark(key)
    note('e', [slot, 6])
    expect([mark.isCurrent(), ledger.mark(key).stamp]).toEqual([false, 'e-6'])
  })

  it('has the stamps of every other one that knows the same', () => {
    const [one, two] = [open(), open()]
    one.adopt('e', [slot, 1])
    two.adopt('e', [slot, 1])
    one.note('e', [slot, 2], [slot, 3])
    two.note('e', [slot, 3], [slot, 2])
    expect(one.ledger.mark(key).stamp).toBe(two.ledger.mark(key).stamp)
  })

  it('learns nothing from a count that comes late', () => {
    const { ledger, adopt, note } = open()
    adopt('e', [slot, 5])
    const mark = ledger.mark(key)
    expect([note('e', [slot, 4], [slot, 5]), mark.isCurrent()]).toEqual([true, true])
  })

  it('notes nothing of another epoch', () => {
    const { ledger, adopt, note } = open()
    adopt('e', [slot, 5])
    const mark = ledger.mark(key)
    expect([note('f', [slot, 6]), mark.isCurrent()]).toEqual([false, true])
  })

  it('never goes back within an epoch, in whatever order it learns', () => {
    const { ledger, adopt, note } = open()
    adopt('e', [slot, 5])
    note('e', [slot, 7])
    const mark = ledger.mark(key)
    adopt('e', [slot, 6], [other, 1])
    expect([mark.isCurrent(), mark.stamp]).toEqual([true, 'e-7'])
    expect(ledger.mark('b.jpg').stamp).toBe('e-1')
  })

  it('takes everything for outdated, and for changed not long ago, in another epoch', () => {
    const { ledger, adopt, pass } = open()
    adopt('e', [slot, 5])
    const marks = [ledger.mark(key), ledger.mark('c.jpg')]
    pass(20 * minute)
    expect([ledger.isRecent(key), ledger.isRecent('c.jpg')]).toEqual([false, false])
    adopt('f', [slot, 5])
    expect(marks.map(mark => mark.isCurrent())).toEqual([false, false])
    expect([ledger.isRecent(key), ledger.isRecent('c.jpg')]).toEqual([true, true])
    pass(15 * minute)
    expect([ledger.isRecent(key), ledger.isRecent('c.jpg')]).toEqual([false, false])
  })

  it('takes only what was ever changed for changed not long ago when it begins', () => {
    const { ledger, adopt } = open()
    adopt('e', [slot, 1])
    expect([ledger.isRecent(key), ledger.isRecent('c.jpg')]).toEqual([true, false])
  })

  it('knows for a quarter of an hour that an object has changed', () => {
    const { ledger, pass } = open()
    expect(ledger.isRecent(key)).toBe(false)
    ledger.bump(slot)
    pass(15 * minute - 1)
    expect(ledger.isRecent(key)).toBe(true)
    pass(1)
    expect(ledger.isRecent(key)).toBe(false)
  })

  it('counts what it knows of as those count who tell it', () => {
    const counts = fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 50 })))
    fc.assert(
      fc.property(counts, counts, fc.array(fc.nat(20)), (known, news, own) => {
        const { ledger, adopt, note } = open()
        adopt('e', ...known)
        for (const slot of own) ledger.bump(slot)
        note('e', ...news)
        const all = new Map<number, number>()
        for (const [slot, count] of [...known, ...news]) all.set(slot, Math.max(count, all.get(slot) ?? 0))
        expect(ledger.known).toBe([...all.values()].reduce((sum, count) => sum + count, 0))
      }),
    )
  })

  it('sees its own changes up to the highest count', () => {
    const { ledger, adopt } = open()
    adopt('e', [slot, maxCount])
    const mark = ledger.mark(key)
    ledger.bump(slot)
    expect(mark.isCurrent()).toBe(false)
  })
})

describe('the changes of one process', () => {
  it('are known when they have been announced', async () => {
    await using changes = createLocalChanges(() => 0)
    const mark = changes.mark('bucket/a.jpg')
    await changes.announce('prefix/of/another/storage/a.jpg')
    expect([mark.isCurrent(), changes.mark('bucket/a.jpg').isCurrent()]).toEqual([false, true])
    expect([changes.isRecent('a.jpg'), changes.isRecent('c.jpg')]).toEqual([true, false])
  })
})
