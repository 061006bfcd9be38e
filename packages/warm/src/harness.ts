import { loadConfig } from '@mortise/config'
import { createPlanner } from '@mortise/plan'
import type { Batch, BatchHandler, BatchOutcome } from '@mortise/queue/batches'
import { createMemoryBatches } from '@mortise/queue/batches/memory'
import type { Storage } from '@mortise/storage'
import { createMemoryStorage } from '@mortise/storage/memory'
import { createWarm } from './warm.ts'

/** For the tests of this package. */
export type Site = Awaited<ReturnType<typeof createSite>>

export const never = new AbortController().signal

/** JSON of a bucket in memory with two presets; `pregenerate` names the first. */
export const media = {
  storages: { basic: { kind: 'memory' }, transform: { kind: 'memory' } },
  transform: {
    kind: 'presets',
    path: '^/(?P<presetName>small|large)/(?P<parent>.+)$',
    parentBucket: 'media',
    presets: { small: { filters: { thumbnail: { width: 100 } } }, large: { filters: { thumbnail: { width: 900 } } } },
  },
  pregenerate: { presets: ['small'] },
}

/** All made. */
export const made: BatchHandler = async ({ plans }) => ({ made: plans.length, skipped: 0, failures: [] })

/** `keys`: of pictures in `media`. `handler` works on the batches, four at one time, and `batches` tells which. */
export async function createSite(
  keys: string[],
  { handler = made, buckets = { media }, server = {} }: SiteOptions = {},
) {
  const { config } = loadConfig(JSON.stringify({ server, buckets }), { env: {}, baseDir: '/' })
  const storages = new Map<string, Storage>()
  for (const name of Object.keys(buckets)) {
    for (const storage of ['basic', 'transform'])
      storages.set(`${name}/${storage}`, createMemoryStorage({ maxBytes: 1e8 }))
  }
  const storage = (name: string) => storages.get(name) as Storage
  for (const key of keys) await put(storage('media/basic'), key)
  const seen: Batch[] = []
  const batches = createMemoryBatches({ maxBackground: config.server.queue.maxBackground, attempts: 1 })
  const work: BatchHandler = (batch, context) => {
    seen.push(batch)
    return handler(batch, context)
  }
  const clock = { ms: 0 }
  const planner = createPlanner(config)
  const deps = { config, planner, batches, storage, now: () => clock.ms }
  return {
    ...{ storage, batches, clock, planner, deps },
    seen: () => seen.map(({ original }) => original.key).toSorted(),
    consume: () => batches.consume(work, { concurrency: 4 }),
    warm: createWarm(deps),
  }
}

type SiteOptions = { handler?: BatchHandler; buckets?: Record<string, object>; server?: object }

export function put(storage: Storage, key: string, metadata: Record<string, string> = {}, contentType = 'image/jpeg') {
  const body = Buffer.from(`bytes of ${key}`)
  return storage.put({ bucket: 'media', key }, { body, size: body.byteLength, contentType, metadata }, never)
}

export function failing(code: 'undecodable' | 'no_such_object' | 'timed_out', { plans }: Batch): BatchOutcome {
  return { made: 0, skipped: 0, failures: plans.map(({ id }) => ({ plan: id, failure: { code, message: 'why' } })) }
}
