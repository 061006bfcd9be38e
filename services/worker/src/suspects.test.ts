import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSuspects, type Suspects } from './suspects.ts'

const a = 'a'.repeat(32)
const b = 'b'.repeat(32)
const stuckMs = 40_000
let time = 1_750_000_000_000
const now = () => time

describe('suspects', () => {
  it('are refused after the second replacement, and not before', () => {
    const refused: boolean[] = []
    let text = ''
    for (let process = 0; process < 3; process++) {
      const suspects = createSuspects(text, now)
      refused.push(isRefused(suspects, a))
      suspects.begin(a)
      time += stuckMs
      text = suspects.print(stuckMs)
    }
    expect(refused).toEqual([false, false, true])
  })

  it('are those that were in hand for long enough, not the others', () => {
    expect(twice(suspects => void suspects.begin(b), stuckMs - 1)).toEqual(['in hand for long'])
  })

  it('are not those that ended by themselves', () => {
    expect(twice(suspects => suspects.begin(b)('failed'), stuckMs)).toEqual(['in hand for long'])
  })

  it('are also those whose clients have left, unless that is long ago', () => {
    expect(twice(suspects => suspects.begin(b)('abandoned'), stuckMs)).toEqual(['in hand for long', 'other'])
    expect(twice(suspects => suspects.begin(b)('abandoned'), 2 * stuckMs)).toEqual(['in hand for long'])
  })

  it('are no longer suspected when they were made, or after a while', () => {
    const once = createSuspects('', now)
    once.begin(a)
    once.begin(b)
    time += stuckMs
    const second = createSuspects(once.print(stuckMs), now)
    second.begin(b)('made')
    second.begin(a)
    second.begin(b)
    time += stuckMs
    const text = second.print(stuckMs)
    const third = createSuspects(text, now)
    expect([a, b].map(plan => isRefused(third, plan))).toEqual([true, false])
    time += 600_000
    expect([a, b].map(plan => isRefused(createSuspects(text, now), plan))).toEqual([false, false])
    expect(isRefused(third, a)).toBe(false)
  })

  it('are handed over in a text of bounded length, and the latest are in it', () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => i.toString(16).padStart(32, '0'))
    const suspects = createSuspects('', now)
    for (const id of ids) suspects.begin(id)('abandoned')
    for (const id of ids) suspects.begin(id)
    time += stuckMs
    const text = suspects.print(stuckMs)
    expect(text.split(' ')).toHaveLength(64)
    expect(text).toContain(ids.at(-1))
  })

  it('are read from any text', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        expect(createSuspects(text, now).print(stuckMs)).toBe('')
      }),
    )
  })

  it('are not refused for longer than a while, whatever the text says', () => {
    const suspects = createSuspects(`${a}:2:999999999999999`, now)
    expect(isRefused(suspects, a)).toBe(true)
    time += 600_000
    expect(isRefused(suspects, a)).toBe(false)
  })
})

/** What is refused after two replacements with plan a in hand for long, and `other` done with b that many ms before them. */
function twice(other: (suspects: Suspects) => void, ms: number): string[] {
  let text = ''
  for (let process = 0; process < 2; process++) {
    const suspects = createSuspects(text, now)
    suspects.begin(a)
    if (ms > stuckMs) other(suspects)
    time += Math.abs(stuckMs - ms)
    if (ms <= stuckMs) other(suspects)
    time += Math.min(ms, stuckMs)
    text = suspects.print(stuckMs)
  }
  const last = createSuspects(text, now)
  return [...(isRefused(last, a) ? ['in hand for long'] : []), ...(isRefused(last, b) ? ['other'] : [])]
}

function isRefused(suspects: Suspects, plan: string): boolean {
  try {
    suspects.check(plan)
    return false
  } catch (error) {
    expect(error).toMatchObject({ code: 'poisoned' })
    return true
  }
}
