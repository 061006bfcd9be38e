import { expect, it } from 'vitest'
import { createSharedLock } from './shared-lock.ts'

it('is held alone after those who asked before, and before those who asked later', async () => {
  const lock = createSharedLock()
  const order: string[] = []
  const hold = async (name: string, granted: Promise<Disposable>) => {
    const held = await granted
    order.push(name)
    return held
  }
  const first = await hold('first', lock.shared())
  const second = await hold('second', lock.shared())
  const alone = hold('alone', lock.exclusive())
  const third = hold('third', lock.shared())
  const fourth = hold('fourth', lock.shared())
  first[Symbol.dispose]()
  await Promise.resolve()
  expect(order).toEqual(['first', 'second'])
  second[Symbol.dispose]()
  const held = await alone
  await Promise.resolve()
  expect(order).toEqual(['first', 'second', 'alone'])
  held[Symbol.dispose]()
  await Promise.all([third, fourth])
  expect(order).toEqual(['first', 'second', 'alone', 'third', 'fourth'])
})

it('is free while nobody holds it alone or waits to', async () => {
  const lock = createSharedLock()
  const free = [lock.free]
  const held = await lock.shared()
  free.push(lock.free)
  const alone = lock.exclusive()
  free.push(lock.free)
  held[Symbol.dispose]()
  const heldAlone = await alone
  free.push(lock.free)
  heldAlone[Symbol.dispose]()
  free.push(lock.free)
  expect(free).toEqual([true, true, false, false, true])
})
