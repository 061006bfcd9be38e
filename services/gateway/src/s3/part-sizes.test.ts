import fc from 'fast-check'
import { expect, it } from 'vitest'
import { printParts, readParts } from './part-sizes.ts'

const total = (sizes: readonly number[]) => sizes.reduce((sum, size) => sum + size, 0)

it.each([
  [[5, 5, 5, 1], '5x3,1'],
  [[7], '7'],
  [[1, 2, 1], '1,2,1'],
])('%j is noted as %s', (sizes, text) => {
  expect(printParts(sizes)).toBe(text)
})

it('is read as it was written, when it is noted', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1e9), { minLength: 1, maxLength: 100 }), sizes => {
      const text = printParts(sizes)
      const read = readParts({ size: total(sizes), metadata: text === null ? {} : { 'mortise-parts': text } })
      expect(read).toEqual(text === null ? null : sizes)
    }),
  )
})

it.each(['', '5x', 'x5', '5,', '-5', '5x99999', '5x3,1,1'])('%s is no note of 16 bytes', text => {
  expect(readParts({ size: 16, metadata: { 'mortise-parts': text } })).toBeNull()
})
