import { describe, expect, it } from 'vitest'
import { createSlots } from './slots.ts'

const never = new AbortController().signal

describe('places', () => {
  it('are given in the order in which they were wanted', async () => {
    const enter = createSlots(2, 60_000)
    const inside: string[] = []
    const want = async (name: string) => {
      const leave = await enter(never)
      inside.push(name)
      return leave
    }
    const [first, second] = await Promise.all([want('first'), want('second')])
    const [third, fourth] = [want('third'), want('fourth')]
    expect(inside).toEqual(['first', 'second'])
    second()
    second()
    await third
    expect(inside).toEqual(['first', 'second', 'third'])
    first()
    await fourth
    expect(inside).toEqual(['first', 'second', 'third', 'fourth'])
  })

  it('are not waited for longer than is allowed, nor by who has left', async () => {
    const enter = createSlots(1, 20)
    const leave = await enter(never)
    await expect(enter(never)).rejects.toMatchObject({ code: 'storage_unavailable' })
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const left = enter(controller.signal)
    controller.abort(reason)
    await expect(left).rejects.toBe(reason)
    await expect(enter(controller.signal)).rejects.toBe(reason)
    leave()
    expect(await enter(never)).toBeTypeOf('function')
  })
})
