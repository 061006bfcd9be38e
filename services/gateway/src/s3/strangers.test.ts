import { expect, it, vi } from 'vitest'
import { createStrangers } from './strangers.ts'

it('lets the one go who has been there for longest', () => {
  const strangers = createStrangers(2)
  const [first, second, third] = [vi.fn(), vi.fn(), vi.fn()]
  strangers.enter(first)
  const place = strangers.enter(second)
  strangers.enter(third)
  expect([first, second, third].map(leave => leave.mock.calls.length)).toEqual([1, 0, 0])
  place[Symbol.dispose]()
  strangers.enter(vi.fn())
  expect([first, second, third].map(leave => leave.mock.calls.length)).toEqual([1, 0, 0])
  expect(strangers.count).toBe(2)
})
