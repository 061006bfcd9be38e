import { expect, it } from 'vitest'
import { record } from './record.ts'
import { toSteps } from './steps.ts'
import { newSet } from './transform-set.ts'

it.each([
  ['fits inside both sizes', [], 'inside'],
  ['with integer-ratio drops one of them by whole quotients', ['integer-ratio'], 'keep'],
] as const)('preserveAspectRatio %s', (_, compat, fit) => {
  const set = newSet()
  record.resize(set, { width: 600, height: 500, outbound: false, keep: true, fill: false })
  expect(toSteps(set, compat)).toEqual([{ op: 'resize', width: 600, height: 500, fit, enlarge: true }])
})
