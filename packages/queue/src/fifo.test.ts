import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createFifo } from './fifo.ts'

it('keeps the order of an array that is changed in the same way', () => {
  const step = fc.tuple(fc.constantFrom('push', 'unshift', 'shift', 'remove'), fc.nat({ max: 9 }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const fifo = createFifo<number>()
      let model: number[] = []
      for (const [what, item] of steps) {
        const isIn = model.includes(item)
        if (what === 'shift') expect(fifo.shift()).toBe(model.shift())
        else if (what === 'remove') {
          expect(fifo.remove(item)).toBe(isIn)
          model = model.filter(other => other !== item)
        } else if (!isIn) {
          fifo[what](item)
          model[what](item)
        }
        expect([fifo.size, fifo.first]).toEqual([model.length, model[0]])
      }
      for (const item of model) expect(fifo.shift()).toBe(item)
      expect(fifo.shift()).toBeUndefined()
    }),
  )
})
