import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBudget } from './budget.ts'

const patient = new AbortController().signal

describe('a budget', () => {
  it('gives in the order of the asking, also when a later one would fit', async () => {
    const budget = createBudget(10)
    const order: string[] = []
    const giveBack = await budget.take(8, patient)
    const noted = async (name: string, weight: number) => {
      const release = await budget.take(weight, patient)
      order.push(name)
      return release
    }
    const large = noted('large', 5)
    const small = noted('small', 1)
    expect([budget.used(), budget.waiting()]).toEqual([8, 2])
    giveBack()
    for (const release of await Promise.all([large, small])) release()
    expect(order).toEqual(['large', 'small'])
    expect([budget.used(), budget.waiting()]).toEqual([0, 0])
  })

  it('takes something back once only', async () => {
    const budget = createBudget(10)
    const giveBack = await budget.take(4, patient)
    await budget.take(3, patient)
    giveBack()
    giveBack()
    expect(budget.used()).toBe(3)
  })

  it('lets one leave the line, and the next one come', async () => {
    const budget = createBudget(10)
    await budget.take(6, patient)
    const impatient = new AbortController()
    const large = budget.take(9, impatient.signal)
    const next = budget.take(2, patient)
    impatient.abort(new Error('gone'))
    await expect(large).rejects.toThrow('gone')
    await next
    expect([budget.used(), budget.waiting()]).toEqual([8, 0])
  })

  it('refuses one who has left before he came', async () => {
    await expect(createBudget(1).take(1, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
  })

  it('refuses everybody once it is closed', async () => {
    const budget = createBudget(1)
    await budget.take(1, patient)
    const waiting = budget.take(1, patient)
    budget.close(new Error('closed'))
    await expect(waiting).rejects.toThrow('closed')
    await expect(budget.take(1, patient)).rejects.toThrow('closed')
  })

  it('never gives more than there is, and ends at nothing', async () => {
    const asked = fc.array(fc.record({ weight: fc.integer({ min: 0, max: 10 }), leaves: fc.boolean() }), {
      maxLength: 60,
    })
    await fc.assert(
      fc.asyncProperty(asked, async list => {
        const budget = createBudget(10)
        let held = 0
        const visits = list.map(async ({ weight, leaves }) => {
          const visit = new AbortController()
          const share = budget.take(weight, visit.signal)
          if (leaves) visit.abort()
          const release = await share.catch(() => null)
          if (!release) return
          held += weight
          expect(held).toBeLessThanOrEqual(10)
          await Promise.resolve()
          held -= weight
          release()
        })
        await Promise.all(visits)
        expect([budget.used(), budget.waiting()]).toEqual([0, 0])
      }),
    )
  })
})
