import { describe, expect, it } from 'vitest'
import { createSlots } from './slots.ts'

const busy = expect.objectContaining({ code: 'overloaded' })

describe('slots', () => {
  it('are taken until they are given back, once', () => {
    const slots = createSlots(1)
    const slot = slots.take()
    expect(() => slots.take()).toThrow(busy)
    slot[Symbol.dispose]()
    slot[Symbol.dispose]()
    slots.take()
    expect(() => slots.take()).toThrow(busy)
  })

  it('are half for those with what a key holder gave away, and a quarter for one of these', () => {
    const slots = createSlots(8)
    const one = [slots.take('one'), slots.take('one')]
    expect(() => slots.take('one')).toThrow(busy)
    for (const other of ['two', 'two']) slots.take(other)
    expect(() => slots.take('three')).toThrow(busy)
    for (let i = 0; i < 4; i++) slots.take()
    expect(() => slots.take()).toThrow(busy)
    one[0]?.[Symbol.dispose]()
    slots.take('three')
  })

  it('are one for everybody when there is only one', () => {
    createSlots(1).take('one')
  })
})
