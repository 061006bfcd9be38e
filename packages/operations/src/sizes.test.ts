import { describe, expect, it } from 'vitest'
import { sizes } from '../../../test/golden/sizes.ts'
import { operationOf, operations } from './operations.ts'

describe('the size that is told before pixels are touched', () => {
  it.each(sizes)('%s', (_name, [width, height], step, to) => {
    const after = operationOf(step).resize({ width, height, pages: 1 }, step)
    expect([after.width, after.height]).toEqual(to)
  })

  it.each(sizes)('%s, in every frame', (_name, [width, height], step) => {
    expect(operationOf(step).resize({ width, height, pages: 7 }, step).pages).toBe(7)
  })

  it('of a chain follows from step to step: a turn comes before the ratio is taken', () => {
    const turned = operations.rotate.resize({ width: 1000, height: 1250, pages: 1 }, { angle: 90 })
    const args = { width: 200, height: 0, fit: 'inside' as const, enlarge: false }
    expect(operations.resize.resize(turned, args)).toEqual({ width: 200, height: 160, pages: 1 })
  })
})

describe('extract refuses an area that reaches out of the image', () => {
  it.each<[string, [number, number, number, number]]>([
    ['to the right', [701, 0, 300, 200]],
    ['below', [0, 601, 300, 200]],
    ['to the left', [-1, 0, 300, 200]],
    ['above', [0, -1, 300, 200]],
    ['with the full height that is left', [0, 1, 300, 0]],
  ])('%s', (_name, [left, top, width, height]) => {
    const run = () => operations.extract.resize({ width: 1000, height: 800, pages: 1 }, { left, top, width, height })
    expect(run).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })
})
