import { expect, it } from 'vitest'
import { choose } from './choose.ts'

const names = ['a:6379', 'b:6379', 'c:6379']
const keys = Array.from({ length: 3000 }, (_, i) => `key ${i}`)
const chosen = (among: string[], key: string) => among[choose(among, key)]

it('gives each name its share of the keys', () => {
  for (const name of names) {
    const share = keys.filter(key => chosen(names, key) === name).length / keys.length
    expect(share).toBeGreaterThan(0.3)
    expect(share).toBeLessThan(0.37)
  }
})

it('does not depend on the order of the names', () => {
  for (const key of keys) expect(chosen(names.toReversed(), key)).toBe(chosen(names, key))
})

it('moves only the keys of a name that goes away', () => {
  const left = names.slice(0, 2)
  for (const key of keys) {
    const before = chosen(names, key)
    if (before !== 'c:6379') expect(chosen(left, key)).toBe(before)
  }
})
