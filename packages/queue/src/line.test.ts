import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLine } from './line.ts'

describe('a line', () => {
  it('serves in the order of an array that is changed in the same way', () => {
    const step = fc.tuple(fc.constantFrom('join', 'jump', 'next', 'leave'), fc.nat({ max: 9 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const line = createLine<number>()
        let model: number[] = []
        for (const [what, item] of steps) {
          const isIn = model.includes(item)
          if (what === 'next') expect(line.next()).toBe(model.shift())
          else if (what === 'leave') {
            expect(line.leave(item)).toBe(isIn)
            model = model.filter(other => other !== item)
          } else if (!isIn) {
            line[what](item)
            if (what === 'join') model.push(item)
            else model.unshift(item)
          }
          expect(line.size).toBe(model.length)
        }
        for (const item of model) expect(line.next()).toBe(item)
        expect(line.next()).toBeUndefined()
      }),
    )
  })
})
