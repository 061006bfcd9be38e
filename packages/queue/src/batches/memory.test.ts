import { MortiseError } from '@mortise/errors'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { batch, never, nothing, recorder, testBatches } from './conformance.ts'
import { createMemoryBatches } from './memory.ts'

testBatches('memory', async options => {
  const queue = createMemoryBatches({ ...options, backOffMs: 20 })
  return { queue: async () => queue, close: () => queue.close() }
})

describe('memory batches', () => {
  afterEach(() => vi.useRealTimers())

  it('leaves no timer behind for a batch that was to be tried again', async () => {
    vi.useFakeTimers()
    const queue = createMemoryBatches({ maxBackground: 5, backOffMs: 1_000 })
    const work = recorder(new MortiseError('storage_unavailable', 'away'))
    await queue.consume(work.handler, { concurrency: 1 })
    await queue.add(batch(1))
    await vi.advanceTimersByTimeAsync(10)
    expect(await queue.stats()).toEqual({ waiting: 1, active: 0 })
    await queue.close()
    expect(vi.getTimerCount()).toBe(0)
    expect(work.batches).toHaveLength(1)
  })

  it('runs a later batch of an original before another try of the one that failed', async () => {
    vi.useFakeTimers()
    await using queue = createMemoryBatches({ maxBackground: 5, backOffMs: 1_000 })
    const ends = [new MortiseError('storage_unavailable', 'away')]
    const seen: number[] = []
    const handler = async ({ plans }: { plans: unknown[] }) => {
      seen.push(plans.length)
      const error = ends.shift()
      if (error) throw error
      return nothing
    }
    await queue.consume(handler, { concurrency: 2 })
    const first = queue.run(batch(1, [1]), never)
    await vi.advanceTimersByTimeAsync(10)
    await queue.run(batch(1, [1, 2]), never)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await first).toEqual(nothing)
    expect(seen).toEqual([1, 2, 1])
  })
})
