import { expect, it } from 'vitest'
import { comesFromMortise } from './cdn-loop.ts'

it.each<[string | string[] | undefined, boolean]>([
  [undefined, false],
  ['', false],
  ['foo123.foocdn.example, barcdn.example; trace="abcdef"', false],
  ['mortise.example', false],
  ['mortise', true],
  [['other', 'Mortise'], true],
  ['AnotherCDN; abc=123; def="456",Mortise ;a=1', true],
])('CDN-Loop: %s comes from Mortise: %s', (field, expected) => {
  expect(comesFromMortise(field)).toBe(expected)
})
