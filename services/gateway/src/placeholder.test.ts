import { MortiseError } from '@mortise/errors'
import { type Plan, planSchema } from '@mortise/plan'
import type { JobHandler, Outcome } from '@mortise/queue'
import { createMemoryQueue } from '@mortise/queue/memory'
import { expect, it, onTestFinished } from 'vitest'
import { createPlaceholders } from './placeholder.ts'

const image = Buffer.from('placeholder')
const original = { storage: '-/placeholder', bucket: '-', key: '/1' }
const derivative = { storage: '-/transform', bucket: '-', key: '/1' }

function planOf(width: number): Plan {
  return {
    id: 'f'.repeat(32),
    original: { storage: 'media/basic', bucket: 'media', key: '/cat.jpg' },
    passes: [[{ op: 'resize', width, height: 0, fit: 'stretch', enlarge: true }]],
    output: { format: 'original', quality: null, progressive: false, metadata: 'keep' },
    derivative: { storage: 'media/transform', bucket: 'media', key: `/cat/${width}` },
  }
}

/** Placeholders, and the jobs that they queue, each ended by the test. */
async function start() {
  const queue = createMemoryQueue({ maxWaiting: 100 })
  const jobs: { plan: Plan; lane: string; end(outcome: Outcome): void }[] = []
  const handler: JobHandler = ({ plan, lane }, { signal }) =>
    new Promise((end, reject) => {
      jobs.push({ plan, lane, end })
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  await queue.consume(handler, { concurrency: 100 })
  onTestFinished(() => queue.close())
  const placeholders = createPlaceholders({
    placeholder: { bytes: image, contentType: 'image/png', original, derivative },
    ...{ queue, timeout: 60_000, now: Date.now },
  })
  const settle = () => new Promise(resolve => setImmediate(resolve))
  return { queue, jobs, placeholders, settle }
}

const derived = { size: 5, contentType: 'image/webp', etag: 'a', original: 'v1', lastModified: 1, width: 1, height: 1 }
const small = { ok: true, derived, bytes: Buffer.from('small') } as const
const raw = { bytes: image, contentType: 'image/png', transformed: false }

it('is sent as it is until it has been transformed', async () => {
  const { jobs, placeholders, settle } = await start()
  expect(placeholders.standIn(planOf(10))).toEqual(raw)
  expect(placeholders.standIn(planOf(10))).toEqual(raw)
  await settle()
  expect(jobs).toHaveLength(1)
  jobs[0]?.end(small)
  await settle()
  const { bytes } = small
  expect(placeholders.standIn(planOf(10))).toEqual({ bytes, contentType: 'image/webp', transformed: true })
  expect(placeholders.standIn(planOf(11))).toEqual(raw)
})

it('is transformed in the background, by a plan of its own', async () => {
  const { jobs, placeholders, settle } = await start()
  placeholders.standIn(planOf(10))
  await settle()
  const [{ plan, lane } = jobs[0]!] = jobs
  expect([lane, plan.original, plan.derivative]).toEqual(['background', original, derivative])
  expect(plan.passes).toEqual(planOf(10).passes)
  expect(plan.id).not.toBe(planOf(10).id)
  expect(planSchema.safeParse(plan).success).toBe(true)
})

it('is one job for equal transforms of any original', async () => {
  const { jobs, placeholders, settle } = await start()
  placeholders.standIn(planOf(10))
  placeholders.standIn({ ...planOf(10), original: { ...original, key: '/other.jpg' } })
  await settle()
  expect(jobs).toHaveLength(1)
})

it('is at most two jobs in a storm of different ones', async () => {
  const { jobs, placeholders, settle } = await start()
  for (let width = 1; width <= 10_000; width++) expect(placeholders.standIn(planOf(width))).toEqual(raw)
  await settle()
  expect(jobs).toHaveLength(2)
  jobs[0]?.end(small)
  await settle()
  placeholders.standIn(planOf(9))
  await settle()
  expect(jobs).toHaveLength(3)
})

it.each([
  ['failed', { ok: false, failure: { code: 'undecodable', message: '' } }],
  ['is too large to travel', { ok: true, derived, bytes: null }],
] satisfies [string, Outcome][])('is not tried again at once when it %s', async (_, outcome) => {
  const { jobs, placeholders, settle } = await start()
  placeholders.standIn(planOf(10))
  await settle()
  jobs[0]?.end(outcome)
  await settle()
  expect(placeholders.standIn(planOf(10))).toEqual(raw)
  await settle()
  expect(jobs).toHaveLength(1)
})

it('is sent as it is when the queue takes nothing', async () => {
  const { queue, placeholders, settle } = await start()
  await queue.close()
  expect(placeholders.standIn(planOf(10))).toEqual(raw)
  await settle()
  expect(placeholders.standIn(planOf(10))).toEqual(raw)
})

it.each([
  ['timed_out', true],
  ['overloaded', true],
  ['queue_unavailable', true],
  ['storage_unavailable', true],
  ['archived', true],
  ['no_such_object', false],
  ['invalid_request', false],
  ['undecodable', false],
  ['limit_exceeded', false],
  ['internal', false],
] as const)('stands in for %s: %s', async (code, expected) => {
  const { placeholders } = await start()
  expect(placeholders.replaces(new MortiseError(code, ''))).toBe(expected)
})

it('does not hide a bug', async () => {
  const { placeholders } = await start()
  expect(placeholders.replaces(new TypeError())).toBe(false)
})
