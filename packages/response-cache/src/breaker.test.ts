import { expect, it } from 'vitest'
import { createBreaker } from './breaker.ts'

function start() {
  let time = 0
  const breaker = createBreaker({ failures: 3, restMs: 1000, now: () => time })
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) breaker.failed()
  }
  return { breaker, fail, pass: (ms: number) => (time += ms) }
}

it('lets calls through until enough have failed in a row', () => {
  const { breaker, fail } = start()
  fail(2)
  expect(breaker.allows()).toBe(true)
  breaker.succeeded()
  fail(2)
  expect(breaker.allows()).toBe(true)
  fail(1)
  expect(breaker.allows()).toBe(false)
})

it('lets one call through after a rest, and the others when that one succeeds', () => {
  const { breaker, fail, pass } = start()
  fail(3)
  pass(1000)
  expect([breaker.allows(), breaker.allows()]).toEqual([true, false])
  breaker.succeeded()
  expect([breaker.allows(), breaker.allows()]).toEqual([true, true])
})

it('rests again when that one fails, or never ends', () => {
  const { breaker, fail, pass } = start()
  fail(3)
  pass(1000)
  expect(breaker.allows()).toBe(true)
  breaker.failed()
  pass(999)
  expect(breaker.allows()).toBe(false)
  pass(1)
  expect([breaker.allows(), breaker.allows()]).toEqual([true, false])
  pass(1000)
  expect(breaker.allows()).toBe(true)
})
