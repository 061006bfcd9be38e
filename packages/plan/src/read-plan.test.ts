import { describe, expect, it } from 'vitest'
import { planOf } from './harness.ts'
import { planFor, planSchema, readPlan } from './plan.ts'

describe('a plan', () => {
  const plan = planOf('/cloud/c_pad,w_5,h_5/a')

  it('is what its schema says', () => {
    expect(planSchema.parse(plan)).toEqual(plan)
  })

  it.each<[string, unknown]>([
    ['without an id', { ...plan, id: undefined }],
    ['with the id of another one', { ...plan, id: planOf('/query/a?width=5').id }],
    ['with other steps', { ...plan, passes: [[{ op: 'grayscale' }]] }],
    ['with another output', { ...plan, output: { ...plan.output, still: true } }],
    ['with another original', { ...plan, original: { ...plan.original, key: '/secret' } }],
    ['with another place for the result', { ...plan, derivative: { ...plan.derivative, key: '/other' } }],
    ['with something more', { ...plan, more: 1 }],
    ['that is none', null],
  ])('%s is refused', (_name, value) => {
    expect(() => readPlan(value)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it('for another original has another id', () => {
    const places = { original: { ...plan.original, key: '/b' }, derivative: plan.derivative }
    expect(planFor(plan, plan)).toEqual(plan)
    expect(readPlan(planFor(plan, places))).toMatchObject({ ...places, passes: plan.passes })
  })
})
