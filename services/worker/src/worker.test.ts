import type { Derive } from '@mortise/derive'
import { MortiseError } from '@mortise/errors'
import type { JobQueue, Outcome } from '@mortise/queue'
import { plan, wait } from '@mortise/queue/conformance'
import { createMemoryQueue } from '@mortise/queue/memory'
import { createLog, createMetrics } from '@mortise/telemetry'
import { expect, it, vi } from 'vitest'
import { createSuspects, startWorker, type WorkerDeps } from './worker.ts'

const derived = {
  size: 1,
  contentType: 'image/png',
  etag: 'e'.repeat(32),
  original: 'v1',
  lastModified: 1_700_000_000_000,
  width: 1,
  height: 1,
}

it('answers when the derivative is rendered, and ends the job when it is stored', async () => {
  const stored = Promise.withResolvers<void>()
  const { queue, consumer } = await start(async (_plan, { onRendered }) => {
    onRendered(derived, Buffer.from('x'))
    await stored.promise
    return { derived, bytes: null, stored: true }
  })
  expect(await queue.submit(plan(1), wait())).toMatchObject({ ok: true, bytes: Buffer.from('x') })
  expect(consumer.active).toBe(1)
  stored.resolve()
  await vi.waitFor(() => expect(consumer.active).toBe(0))
  await queue.close()
})

it('keeps to its answer when the derivative cannot be stored', async () => {
  let runs = 0
  const { queue, consumer } = await start(async (_plan, { onRendered }) => {
    runs++
    onRendered(derived, Buffer.from('x'))
    throw new MortiseError('storage_unavailable', 'full')
  })
  expect(await queue.submit(plan(1), wait())).toMatchObject({ ok: true })
  await vi.waitFor(() => expect(consumer.active).toBe(0))
  expect(runs).toBe(1)
  await queue.close()
})

it('says of what no storage keeps that its bytes are all there is', async () => {
  const outcomes: Outcome[] = []
  const storages: Derive[] = [
    async () => ({ derived, bytes: Buffer.from('x'), stored: false }),
    async (_plan, { onRendered }) => {
      onRendered(derived, Buffer.from('x'))
      throw new MortiseError('unsupported', 'read only')
    },
    async (_plan, { onRendered }) => {
      onRendered(derived, Buffer.from('x'))
      throw new MortiseError('storage_unavailable', 'full')
    },
  ]
  for (const derive of storages) {
    const { queue } = await start(derive, '', {}, outcome => outcomes.push(outcome))
    await queue.submit(plan(1), wait())
    await vi.waitFor(async () => expect((await queue.stats()).active).toBe(0))
    await queue.close()
  }
  const unstored = { ok: true, bytes: Buffer.from('x'), unstored: { code: 'unsupported' } }
  expect(outcomes).toMatchObject([unstored, unstored, { ok: false, failure: { code: 'storage_unavailable' } }])
})

it('warns of what cannot be stored, once for many, and counts all of it', async () => {
  const lines: object[] = []
  const log = { info: () => {}, warn: (facts: object, msg: string) => void lines.push({ ...facts, msg }) } as never
  const metrics = createMetrics({ mort: false })
  const { queue } = await start(
    async (_plan, { onRendered }) => {
      onRendered(derived, Buffer.from('x'))
      throw new MortiseError('storage_unavailable', 'no space left')
    },
    '',
    { log, metrics },
  )
  await Promise.all([1, 2, 3].map(i => queue.submit(plan(i), wait())))
  const failures = () => metrics.registry.getSingleMetricAsString('mortise_store_failures_total')
  await vi.waitFor(async () => expect(await failures()).toContain('{code="storage_unavailable"} 3'))
  const { storage } = plan(1).derivative
  expect(lines).toEqual([
    expect.objectContaining({
      ...{ storage, code: 'storage_unavailable', reason: 'no space left' },
      msg: 'derivatives cannot be stored',
    }),
  ])
  await queue.close()
})

it('refuses what was in hand at the last two replacements of its process, and makes the rest', async () => {
  const made: string[] = []
  const derive: Derive = async ({ id }) => {
    made.push(id)
    return { derived, bytes: Buffer.from('x'), stored: true }
  }
  const { queue } = await start(derive, `${plan(1).id}:2:${Date.now() + 60_000} ${plan(2).id}:1:${Date.now() + 60_000}`)
  expect(await queue.submit(plan(1), wait())).toMatchObject({ ok: false, failure: { code: 'poisoned' } })
  for (const i of [2, 3]) expect(await queue.submit(plan(i), wait())).toMatchObject({ ok: true })
  expect(made).toEqual([2, 3].map(i => plan(i).id))
  await queue.close()
})

it('suspects what it has in hand, and what its clients have left', async () => {
  let time = 0
  const suspects = createSuspects('', () => time)
  const { queue, consumer } = await start(
    (_plan, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    suspects,
  )
  const left = new AbortController()
  const waits = [wait(), wait({ signal: left.signal })].map((options, i) => queue.submit(plan(i), options))
  const ends = Promise.allSettled(waits)
  await vi.waitFor(() => expect(consumer.active).toBe(2))
  left.abort()
  await vi.waitFor(() => expect(consumer.active).toBe(1))
  time = 1_000
  expect(plansIn(suspects.print(1_001))).toEqual([])
  expect(plansIn(suspects.print(1_000))).toEqual([plan(0).id, plan(1).id])
  expect(plansIn(suspects.print(500))).toEqual([plan(0).id])
  await queue.close()
  expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

async function start(
  derive: Derive,
  suspects: string | ReturnType<typeof createSuspects> = '',
  watched: Partial<Pick<WorkerDeps, 'log' | 'metrics'>> = {},
  onEnd: (outcome: Outcome) => void = () => {},
) {
  const queue = createMemoryQueue({ maxWaiting: 10 })
  const consume: JobQueue['consume'] = (handler, options) => {
    return queue.consume(async (job, context) => {
      const outcome = await handler(job, context)
      onEnd(outcome)
      return outcome
    }, options)
  }
  const consumer = await startWorker({
    ...{ queue: { ...queue, consume }, derive, concurrency: 4 },
    suspects: typeof suspects === 'string' ? createSuspects(suspects, Date.now) : suspects,
    log: createLog({ level: 'info', role: 'test' }),
    metrics: createMetrics({ mort: false }),
    ...watched,
  })
  return { queue, consumer }
}

function plansIn(text: string): string[] {
  return text
    .split(' ')
    .flatMap(part => part.split(':', 1))
    .filter(id => id !== '')
}
