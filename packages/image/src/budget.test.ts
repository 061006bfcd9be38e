import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Budget, createBudget, type Lane } from './budget.ts'

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
    const lane = fc.constantFrom('interactive', 'background')
    const asked = fc.array(fc.record({ weight: fc.integer({ min: 0, max: 10 }), leaves: fc.boolean(), lane }), {
      maxLength: 60,
    })
    await fc.assert(
      fc.asyncProperty(asked, async list => {
        const budget = createBudget(10)
        let held = 0
        const visits = list.map(async ({ weight, leaves, lane }) => {
          const visit = new AbortController()
          const share = budget.take(weight, visit.signal, lane)
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

describe('background work', () => {
  /** Notes the order in which things are given, and gives each back when it is told to. */
  function createOrder(budget: Budget) {
    const order: string[] = []
    const take = async (name: string, lane: Lane, weight = 1) => {
      const giveBack = await budget.take(weight, patient, lane)
      order.push(name)
      return giveBack
    }
    return { order, take }
  }
  const settled = () => new Promise(resolve => setImmediate(resolve))

  it('is given something when no interactive work waits, whoever asked first', async () => {
    const budget = createBudget(1)
    const { order, take } = createOrder(budget)
    const first = await take('first', 'background')
    const later = [take('background', 'background'), take('one', 'interactive'), take('two', 'interactive')]
    expect([budget.waiting('background'), budget.waiting('interactive')]).toEqual([1, 2])
    first()
    for (const next of [later[1], later[2], later[0]]) (await next)?.()
    expect(order).toEqual(['first', 'one', 'two', 'background'])
    expect([budget.used(), budget.waiting()]).toEqual([0, 0])
  })

  it('does not come between two of one who asks for the next when he has given back the first', async () => {
    const budget = createBudget(1)
    const { order, take } = createOrder(budget)
    const interactive = await take('first', 'interactive')
    const background = take('background', 'background')
    interactive()
    await null
    const second = await take('second', 'interactive')
    second()
    await background
    expect(order).toEqual(['first', 'second', 'background'])
  })

  it('leaves the reserve alone while there is interactive work, and a moment longer', async () => {
    let time = 0
    const budget = createBudget(3, { reserve: 1, now: () => time })
    const { take } = createOrder(budget)
    const interactive = await take('interactive', 'interactive')
    const gives = [await take('one', 'background')]
    const second = take('two', 'background')
    const third = take('three', 'background')
    gives.push(await second)
    expect([budget.used('background'), budget.waiting('background')]).toEqual([2, 1])
    interactive()
    await settled()
    expect(budget.waiting('background')).toBe(1)
    time += 1000
    gives.shift()?.()
    await third
    expect(budget.used('background')).toBe(2)
  })

  it('has all of it when there is no interactive work', async () => {
    const budget = createBudget(3, { reserve: 1 })
    await Promise.all([1, 2, 3].map(() => budget.take(1, patient, 'background')))
    expect(budget.used('background')).toBe(3)
  })

  it('has one when there is only one, between interactive work', async () => {
    const budget = createBudget(1, { reserve: 1, now: () => 0 })
    const giveBack = await budget.take(1, patient)
    const background = budget.take(1, patient, 'background')
    giveBack()
    await background
    expect(budget.used('background')).toBe(1)
  })

  it('is asked, once, for what it has lent when interactive work waits, now or later', async () => {
    const budget = createBudget(10)
    const giveBack = await budget.take(8, patient, 'background')
    let asked = 0
    budget.lend(() => {
      asked++
      giveBack()
    })
    await budget.take(2, patient)
    expect(asked).toBe(0)
    await budget.take(5, patient)
    expect([asked, budget.used()]).toEqual([1, 7])
    const blocked = budget.take(9, patient)
    blocked.catch(() => {})
    budget.lend(() => asked++)
    expect(asked).toBe(2)
    budget.close(new Error('closed'))
  })

  it('is not asked for what it has taken back, nor for other background work', async () => {
    const budget = createBudget(10)
    await budget.take(8, patient, 'background')
    let asked = 0
    const takeBack = budget.lend(() => asked++)
    const leaving = new AbortController()
    const other = budget.take(5, leaving.signal, 'background')
    takeBack()
    const interactive = budget.take(5, leaving.signal)
    leaving.abort(new Error('gone'))
    await Promise.allSettled([other, interactive])
    expect(asked).toBe(0)
  })
})
