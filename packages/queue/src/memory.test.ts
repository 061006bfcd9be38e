import { MortiseError } from '@mortise/errors'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { made, plan, recorder, testQueue, wait } from './conformance.ts'
import { createMemoryQueue } from './memory.ts'

testQueue('memory', async options => {
  const queue = createMemoryQueue({ ...options, backOffMs: 20 })
  return { queue: async () => queue, close: () => queue.close() }
})

describe('memory queue', () => {
  afterEach(() => vi.useRealTimers())

  it('gives everybody the same bytes, not copies', async () => {
    await using queue = createMemoryQueue({ maxWaiting: 10 })
    const outcome = made('x')
    await queue.consume(async () => outcome, { concurrency: 1 })
    const [a, b] = await Promise.all([queue.submit(plan(1), wait()), queue.submit(plan(1), wait())])
    expect(a).toBe(outcome)
    expect(b).toBe(outcome)
  })

  it('keeps a bounded number of background jobs that nobody waits for', async () => {
    await using queue = createMemoryQueue({ maxWaiting: 5 })
    for (let round = 0; round < 4; round++) {
      const ids = [1, 2, 3, 4, 5].map(i => round * 10 + i)
      const waits = ids.map(i => queue.submit(plan(i), wait({ lane: 'background', ms: 20 })))
      await Promise.allSettled(waits)
    }
    expect((await queue.stats()).waiting.background).toBe(10)
  })

  it('takes a job that waits for its next attempt back when everybody leaves', async () => {
    vi.useFakeTimers()
    const queue = createMemoryQueue({ maxWaiting: 5, backOffMs: 1_000 })
    const job = recorder({ error: new MortiseError('storage_unavailable', 'away') })
    await queue.consume(job.handler, { concurrency: 1 })
    const left = new AbortController()
    const submitted = queue.submit(plan(1), wait({ signal: left.signal })).catch(() => 'left')
    await vi.advanceTimersByTimeAsync(10)
    expect(job.plans).toHaveLength(1)
    left.abort()
    expect(await submitted).toBe('left')
    expect(vi.getTimerCount()).toBe(0)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(job.plans).toHaveLength(1)
    await queue.close()
  })
})
