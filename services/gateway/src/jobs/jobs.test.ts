import type { Warm, WarmProgress } from '@mortise/warm'
import { expect, it } from 'vitest'
import { createJobs } from './jobs.ts'

const order = { bucket: 'media', prefix: '', presets: null, dryRun: false }
const log = { info() {} }

/** Jobs that end when they are told to, each by its place in the order of their beginning. */
function create() {
  const ends: (() => void)[] = []
  const warm: Warm = (_, signal) => {
    let state: WarmProgress['state'] = 'running'
    const progress = () => ({ state, failures: [] }) as unknown as WarmProgress
    const { promise, resolve } = Promise.withResolvers<WarmProgress>()
    const end = (next: WarmProgress['state']) => {
      state = next
      resolve(progress())
    }
    signal.addEventListener('abort', () => end('cancelled'))
    ends.push(() => end('done'))
    return { progress, ended: promise }
  }
  return { jobs: createJobs({ warm, log, now: () => 0 }), end: (at: number) => ends[at]?.() }
}

it('keeps a hundred, the latest first, and forgets the oldest that has ended', () => {
  const { jobs, end } = create()
  const running = jobs.start(order)
  const ids = [running.id]
  for (let at = 1; at <= 100; at++) {
    ids.push(jobs.start(order).id)
    end(at)
  }
  expect(jobs.list().map(({ id }) => id)).toEqual([running.id, ...ids.slice(2)].reverse())
  expect([jobs.get(running.id)?.state, jobs.get(ids[1] ?? '')]).toEqual(['running', null])
})

it('runs four at one time, and another one when one has ended', () => {
  const { jobs, end } = create()
  for (let at = 0; at < 4; at++) jobs.start(order)
  expect(() => jobs.start(order)).toThrow(expect.objectContaining({ code: 'overloaded', retryAfter: 10 }))
  end(2)
  expect(jobs.start(order).state).toBe('running')
})

it('cancels one, and what has ended stays as it is', async () => {
  const { jobs, end } = create()
  const [first, second] = [jobs.start(order), jobs.start(order)]
  end(0)
  expect((await jobs.cancel(first.id))?.state).toBe('done')
  expect((await jobs.cancel(second.id))?.state).toBe('cancelled')
  expect(await jobs.cancel('other')).toBeNull()
})

it('cancels all when the process is about to end, and starts none', async () => {
  const { jobs } = create()
  const { id } = jobs.start(order)
  await jobs.close()
  expect(jobs.get(id)?.state).toBe('cancelled')
  expect(() => jobs.start(order)).toThrow(expect.objectContaining({ code: 'overloaded' }))
})
