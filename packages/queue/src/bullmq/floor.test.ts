import { expect, it } from 'vitest'
import { createFloor } from './floor.ts'

it('lets one run alone: after those before him, before those behind him', async () => {
  const floor = createFloor()
  const order: string[] = []
  const enter = async (name: string, place: Promise<Disposable>) => {
    const left = await place
    order.push(name)
    return left
  }
  const first = await enter('first', floor.share())
  const second = await enter('second', floor.share())
  const suspect = enter('suspect', floor.alone())
  const third = enter('third', floor.share())
  const fourth = enter('fourth', floor.share())
  first[Symbol.dispose]()
  await Promise.resolve()
  expect(order).toEqual(['first', 'second'])
  second[Symbol.dispose]()
  const alone = await suspect
  await Promise.resolve()
  expect(order).toEqual(['first', 'second', 'suspect'])
  alone[Symbol.dispose]()
  await Promise.all([third, fourth])
  expect(order).toEqual(['first', 'second', 'suspect', 'third', 'fourth'])
})
