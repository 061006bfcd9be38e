import { PassThrough, type Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createPatience, pace } from './pace.ts'

const limits = { bytesPerSecond: 4096, graceSeconds: 30 }

describe('the patience with a client', () => {
  /** Seconds until it ends, at that many bytes in each; at most 10,000. */
  const lasts = (bytes: (second: number) => number) => {
    const patience = createPatience(limits)
    for (let second = 1; second <= 10_000; second++) if (!patience.spend(1, bytes(second))) return second
    return 10_000
  }

  it.each([
    ['nothing', () => 0, 30],
    ['a byte now and then', () => 1, 31],
    ['half of the rate', () => 2048, 60],
    ['the rate', () => 4096, 10_000],
    ['a slow phone', () => 20_000, 10_000],
    ['a megabyte, and nothing then', (second: number) => (second === 1 ? 1_000_000 : 0), 31],
    ['a break of 25 seconds in each minute', (second: number) => (second % 60 < 25 ? 0 : 20_000), 10_000],
  ])('who sends %s', (_, bytes, seconds) => {
    expect(lasts(bytes)).toBe(seconds)
  })
})

describe('a body that is watched', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }))
  afterEach(() => void vi.useRealTimers())

  const setUp = (body: Readable) => {
    const gone = new AbortController()
    const paced = pace({ body: () => body, signal: gone.signal }, limits)
    return { gone, paced }
  }

  it('is too slow when it does not come', () => {
    const { paced } = setUp(new PassThrough())
    vi.advanceTimersByTime(100_000)
    expect([paced.tooSlow, paced.signal.aborted]).toEqual([false, false])
    paced.body()
    vi.advanceTimersByTime(29_000)
    expect(paced.tooSlow).toBe(false)
    vi.advanceTimersByTime(1_000)
    expect([paced.tooSlow, paced.signal.aborted]).toEqual([true, true])
  })

  it('is not slow while what came waits to be taken, nor when nobody watches it any more', () => {
    const waits = new PassThrough()
    waits.write('x')
    const { paced } = setUp(waits)
    paced.body()
    vi.advanceTimersByTime(100_000)
    expect(paced.tooSlow).toBe(false)
    const over = setUp(new PassThrough()).paced
    over.body()
    over[Symbol.dispose]()
    vi.advanceTimersByTime(100_000)
    expect([over.tooSlow, vi.getTimerCount()]).toEqual([false, 1])
    paced[Symbol.dispose]()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is unwanted when the client leaves', () => {
    const { gone, paced } = setUp(new PassThrough())
    gone.abort()
    expect([paced.signal.aborted, paced.tooSlow]).toEqual([true, false])
  })
})
