import { createLocalChanges } from '@mortise/changes'
import { type Plan, planFor } from '@mortise/plan'
import { createMemoryQueue } from '@mortise/queue/memory'
import { createMemoryStorage } from '@mortise/storage/memory'
import { writeRecord } from '@mortise/storage/record'
import { createMetrics } from '@mortise/telemetry'
import { expect, it, onTestFinished } from 'vitest'
import { createMemoryCache } from './cache/memory-cache.ts'
import { createResponses } from './cache/responses.ts'
import { createDeliver } from './deliver.ts'
import { noCodings } from './http/codings.ts'

const never = new AbortController().signal
const place = {
  original: { storage: 'media/basic', bucket: 'media', key: '/cat.jpg' },
  derivative: { storage: 'media/transform', bucket: 'media', key: '/cat.jpg' },
}
const output = { format: 'jpeg', quality: null, progressive: false, metadata: 'keep' } as const
const planOf = (width: number): Plan =>
  planFor({ passes: [[{ op: 'resize', width, height: 0, fit: 'stretch', enlarge: true }]], output }, place)
const [wanted, other] = [planOf(10), planOf(20)]

/** Results that are read from their storage; what a worker stores there, one job after the other. */
async function start(stored: Plan[]) {
  const storage = createMemoryStorage({ maxBytes: 10_000 })
  const queue = createMemoryQueue({ maxWaiting: 10 })
  onTestFinished(() => queue.close())
  let jobs = 0
  await queue.consume(
    async () => {
      const { id } = stored[jobs++] ?? other
      const body = Buffer.from(id)
      const derived = {
        size: 32,
        contentType: 'image/jpeg',
        etag: id,
        original: 'v1',
        lastModified: 1,
        width: 1,
        height: 1,
      }
      const metadata = writeRecord({ ...derived, plan: id, original: 'v1', modified: 1 })
      await storage.put(place.derivative, { body, size: 32, contentType: 'image/jpeg', metadata }, never)
      return { ok: true, derived, bytes: null }
    },
    { concurrency: 1 },
  )
  const metrics = createMetrics({ mort: false })
  const cache = createMemoryCache({ maxBytes: 10_000, maxItemBytes: 1_000, minUseCount: 0 })
  const { derivative } = createDeliver({
    archive: { told: (_, error) => error },
    ...{ storage: () => storage, queue, metrics, placeholders: null, codings: noCodings, headerRules() {} },
    responses: createResponses({ cache, shared: null, metrics }),
    changes: createLocalChanges(Date.now),
    settings: { requestTimeout: 10_000, storageTimeout: 10_000, ttl: 60, maxLater: 5, redirectAbove: 0 },
    now: Date.now,
  })
  const resolution = {
    kind: 'derivative',
    bucket: 'media',
    plan: wanted,
    checkParent: false,
    negotiated: false,
  } as const
  const deliver = () => derivative(resolution, { explain: false, signal: never })
  return { deliver, jobs: () => jobs }
}

it('a derivative that another one has replaced under its key is made again, not taken for it', async () => {
  const { deliver, jobs } = await start([other, wanted])
  expect(await deliver()).toMatchObject({ entity: { etag: `"${wanted.id}"`, body: { kind: 'bytes' } } })
  expect(jobs()).toBe(2)
})

it('a derivative that is replaced again and again is refused', async () => {
  const { deliver, jobs } = await start([])
  await expect(deliver()).rejects.toMatchObject({ code: 'storage_unavailable' })
  expect(jobs()).toBe(3)
})
