import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createServiceRate } from './service-rate.ts'

describe('the service rate', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  function serve(rate: ReturnType<typeof createServiceRate>, perSecond: number, seconds: number) {
    for (let i = 0; i < perSecond * seconds; i++) {
      vi.advanceTimersByTime(1_000 / perSecond)
      rate.served()
    }
  }

  it.each([
    [1, 100, 60],
    [50, 90, 2],
    [50, 990, 20],
    [2, 1_000, 60],
  ])('of %i jobs a second has %i jobs wait for %i s', (perSecond, waiting, seconds) => {
    const rate = createServiceRate()
    rate.begin()
    serve(rate, perSecond, 60)
    expect(rate.secondsFor(waiting)).toBe(seconds)
  })

  it('falls when nothing is served any more', () => {
    const rate = createServiceRate()
    rate.begin()
    serve(rate, 50, 60)
    vi.advanceTimersByTime(60_000)
    expect(rate.secondsFor(100)).toBe(60)
  })

  it('does not fall while nobody waits', () => {
    const rate = createServiceRate()
    rate.begin()
    serve(rate, 50, 60)
    vi.advanceTimersByTime(60_000)
    rate.begin()
    expect(rate.secondsFor(90)).toBe(2)
  })
})
