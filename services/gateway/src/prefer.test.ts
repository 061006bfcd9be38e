import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readPrefer } from './prefer.ts'

const maxMs = 60_000

it.each<[string | undefined, number | null]>([
  [undefined, null],
  ['', null],
  ['respond-async', 0],
  ['Respond-Async', 0],
  [' respond-async ', 0],
  ['respond-async, wait=5', 5000],
  ['wait=5,respond-async', 5000],
  ['respond-async; foo="bar", wait = 5; x', 5000],
  ['respond-async, wait="5"', 5000],
  ['respond-async, wait=5, wait=7', 5000],
  ['respond-async, WAIT=5', 5000],
  ['respond-async, wait=0', 0],
  ['respond-async, wait=100000000', maxMs],
  ['respond-async, wait=1e3', 0],
  ['respond-async, wait=-5', 0],
  ['respond-async, wait=5s', 0],
  ['respond-async, wait=', 0],
  ['respond-async, wait', 0],
  ['respond-async=""', 0],
  ['wait=5', null],
  ['return=minimal', null],
  ['respond-asynchronously', null],
  ['x-respond-async', null],
  ['foo="a, respond-async"', null],
  ['foo="\\", respond-async"', null],
  ['foo="a, b", respond-async', 0],
  ['foo; respond-async', null],
  ['foo="a, respond-async', null],
  ['foo="a, respond-async\\\\', null],
  ['respond-async, foo="a', 0],
  [',,respond-async,', 0],
])('%j', (field, waitMs) => {
  expect(readPrefer(field, maxMs)).toEqual(waitMs === null ? null : { waitMs })
})

it('reads several fields as one', () => {
  expect(readPrefer(['wait=2', 'respond-async'], maxMs)).toEqual({ waitMs: 2000 })
})

it('never throws, and never waits longer than it may', () => {
  const text = fc.string({ unit: fc.constantFrom(...'respond-async wait=,;"\\5') })
  fc.assert(
    fc.property(fc.oneof(fc.string(), text), field => {
      expect(readPrefer(field, maxMs)?.waitMs ?? 0).toBeLessThanOrEqual(maxMs)
    }),
  )
})

it.each(['"', '\\', '"\\', '=', ';', ',"', ' '])('reads megabytes of %j without looking back', part => {
  expect(readPrefer(part.repeat(2 ** 21), maxMs)).toBeNull()
})
