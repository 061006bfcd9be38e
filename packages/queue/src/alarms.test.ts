import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createAlarms } from './alarms.ts'

describe('alarms', () => {
  beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }))
  afterEach(() => vi.useRealTimers())

  it('ring in the order of their times, never early, with one timer', () => {
    const rung: [string, number][] = []
    const alarms = createAlarms<string>(item => rung.push([item, Date.now()]))
    for (const [item, ms] of [
      ['c', 500],
      ['a', 30],
      ['b', 200],
    ] as const)
      alarms.set(item, Date.now() + ms)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1_000)
    expect(rung).toEqual([
      ['a', 1_000_030],
      ['b', 1_000_200],
      ['c', 1_000_500],
    ])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('do not ring when they are cleared, and leave no timer', () => {
    const ring = vi.fn()
    const alarms = createAlarms<string>(ring)
    alarms.set('a', Date.now() + 50)
    alarms.set('b', Date.now() + 50)
    alarms.clear('a', Date.now() + 50)
    expect(vi.getTimerCount()).toBe(1)
    alarms.clear('b', Date.now() + 50)
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(1_000)
    expect(ring).not.toHaveBeenCalled()
  })

  it('ring at a time that no timer can hold', () => {
    const ring = vi.fn()
    createAlarms<string>(ring).set('a', Date.now() + 2 ** 32)
    vi.advanceTimersByTime(2 ** 32 - 1)
    expect(ring).not.toHaveBeenCalled()
    vi.advanceTimersByTime(10)
    expect(ring).toHaveBeenCalledExactlyOnceWith('a')
  })

  it('can be set again while they ring', () => {
    const rung: number[] = []
    const alarms = createAlarms<string>(item => {
      rung.push(Date.now())
      if (rung.length < 3) alarms.set(item, Date.now() + 100)
    })
    alarms.set('a', Date.now() + 100)
    vi.advanceTimersByTime(1_000)
    expect(rung).toEqual([1_000_100, 1_000_200, 1_000_300])
  })
})
