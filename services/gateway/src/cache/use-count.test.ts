import { expect, it } from 'vitest'
import { createUseCount } from './use-count.ts'

it.each([
  [0, [true, true]],
  [1, [true, true]],
  [2, [false, true, true]],
  [3, [false, false, true, true]],
])('from use %i on', (minUseCount, expected) => {
  const countUse = createUseCount(minUseCount)
  expect(expected.map(() => countUse('a'))).toEqual(expected)
})

it('counts each key by itself', () => {
  const countUse = createUseCount(2)
  expect(['a', 'b', 'a', 'b'].map(countUse)).toEqual([false, false, true, true])
})

it('forgets keys that were not used for long when there are too many', () => {
  const countUse = createUseCount(2)
  countUse('first')
  for (let i = 0; i < 20_000; i++) countUse(`other ${i}`)
  expect(countUse('first')).toBe(false)
  expect(countUse('other 19999')).toBe(true)
})
