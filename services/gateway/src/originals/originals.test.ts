import { loadConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { createPlanner, type Location } from '@mortise/plan'
import type { Batch } from '@mortise/queue/batches'
import { createMetrics } from '@mortise/telemetry'
import { describe, expect, it } from 'vitest'
import { createOriginals } from './originals.ts'
import { createPregenerate } from './pregenerate.ts'

const s3 = { kind: 's3', endpoint: 'http://s3', accessKey: 'a', secretAccessKey: 'b' }
const preset = { quality: 75, filters: { thumbnail: { width: 100 } } }
const bucket = (bucket?: string) => ({
  storages: { basic: s3, transform: { ...s3, pathPrefix: 'made', ...(bucket ? { bucket } : {}) } },
  transform: {
    kind: 'presets',
    path: '^/(?P<presetName>small|large)/(?P<parent>.+)$',
    presets: { small: preset, large: { ...preset, quality: 80 } },
    parentBucket: 'media',
  },
  pregenerate: { presets: ['small', 'large'] },
})
const { config } = loadConfig(JSON.stringify({ buckets: { media: bucket(), thumbs: bucket('thumbs') } }), {
  env: {},
  baseDir: '/',
})
const at = (key: string, bucket = 'media'): Location => ({ storage: `${bucket}/basic`, bucket, key })

/** `failures`: what comes of each batch that is added, in order; `null` when it is taken. */
function setUp({
  failures = [],
  removal = async () => {},
}: {
  failures?: unknown[]
  removal?: () => Promise<void>
} = {}) {
  const done: string[] = []
  const batches: Batch[] = []
  const lines: string[] = []
  const metrics = createMetrics({ mort: false })
  const line = (_: object, text: string) => void lines.push(text)
  const pregenerate = createPregenerate({
    planner: createPlanner(config),
    batches: {
      async add(batch) {
        const failure = failures.shift()
        if (failure) throw failure
        batches.push(batch)
        done.push('queued')
      },
    },
    log: { warn: line, error: line } as never,
    metrics,
    now: () => 0,
  })
  const originals = createOriginals({
    changes: { announce: async key => void done.push(`announced ${key}`) },
    async removeDerivatives({ key }) {
      await removal()
      done.push(`removed for ${key}`)
    },
    pregenerate,
  })
  const counted = async () =>
    Object.fromEntries((await metrics.batches.get()).values.map(({ labels, value }) => [labels.outcome, value]))
  return { originals, batches, done, lines, counted }
}

describe('an original that was written', () => {
  it('is announced, rid of its derivatives, and queued to have new ones, in this order', async () => {
    const { originals, done, batches, counted } = setUp()
    await originals.written(at('/trip/a.jpg'))
    expect(done).toEqual(['announced /trip/a.jpg', 'removed for /trip/a.jpg', 'queued', 'queued'])
    expect(batches.map(({ original, plans }) => [original.storage, plans.length])).toEqual([
      ['media/basic', 2],
      ['thumbs/basic', 2],
    ])
    expect(await counted()).toEqual({ queued: 2 })
  })

  it('is answered although the queue is full', async () => {
    const { originals, lines, counted } = setUp({ failures: [new MortiseError('overloaded', 'full')] })
    await originals.written(at('/a.jpg'))
    expect(lines).toEqual(['not queued'])
    expect(await counted()).toEqual({ overloaded: 1 })
  })

  it('is told of a full queue once in a while', async () => {
    const away = new MortiseError('queue_unavailable', 'away')
    const { originals, lines } = setUp({ failures: Array.from({ length: 10 }, () => away) })
    for (let at = 0; at < 5; at++)
      await originals.written({ storage: 'media/basic', bucket: 'media', key: `/${at}.jpg` })
    expect(lines).toEqual(['not queued'])
  })

  it('is not answered while derivatives of the one before may be left', async () => {
    const removal = () => Promise.reject(new MortiseError('storage_unavailable', 'away'))
    const { originals, done } = setUp({ removal })
    await expect(originals.written(at('/a.jpg'))).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(done).toEqual(['announced /a.jpg'])
  })
})

it('an original that was deleted has nothing made of it', async () => {
  const { originals, done } = setUp()
  await originals.deleted(at('/a.jpg'))
  expect(done).toEqual(['announced /a.jpg', 'removed for /a.jpg'])
})

it('a derivative that was deleted leaves the others where they are', async () => {
  const { originals, done } = setUp()
  await originals.derivativeDeleted(at('/a.jpg'))
  expect(done).toEqual(['announced /a.jpg'])
})
