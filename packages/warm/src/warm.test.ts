import { MortiseError } from '@mortise/errors'
import { writeRecord } from '@mortise/storage/record'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSite, failing, made, media, never, put, type Site } from './harness.ts'
import type { WarmOrder } from './warm.ts'

const all: WarmOrder = { bucket: 'media', prefix: '', presets: null, dryRun: false }
const three = ['/a.jpg', '/trip/b.jpg', '/trip/c.jpg']
const numbered = (count: number) => Array.from({ length: count }, (_, at) => `/${String(at).padStart(5, '0')}.jpg`)

/** Runs an order to its end, with workers. */
async function run(site: Site, order: Partial<WarmOrder> = {}, signal = never) {
  await using _consumer = await site.consume()
  return await site.warm({ ...all, ...order }, signal).ended
}

async function siteOf(...args: Parameters<typeof createSite>): Promise<Site> {
  const site = await createSite(...args)
  onTestFinished(() => site.batches.close())
  return site
}

describe('an order', () => {
  it('has a batch made for every original', async () => {
    const site = await siteOf(three)
    const end = { state: 'done', error: null, found: 3, counted: true, queued: 0, done: 3, made: 3, remaining: 0 }
    expect(await run(site)).toMatchObject({ ...end, skipped: 0, failed: 0, failures: [], ignored: 0 })
    expect(site.seen()).toEqual(three)
  })

  it('goes by prefix', async () => {
    const site = await siteOf(three)
    expect(await run(site, { prefix: 'trip/' })).toMatchObject({ found: 2, done: 2 })
    expect(site.seen()).toEqual(['/trip/b.jpg', '/trip/c.jpg'])
  })

  it('goes by presets, also those that are not made when an original is written', async () => {
    const site = await siteOf(three)
    expect(await run(site, { presets: ['small', 'large'] })).toMatchObject({ done: 3, made: 6 })
  })

  it('reads more originals than a page has', async () => {
    const site = await siteOf(numbered(2_345))
    expect(await run(site)).toMatchObject({ found: 2_345, done: 2_345, made: 2_345 })
    expect(new Set(site.seen()).size).toBe(2_345)
  })

  it('tells of derivatives that are there already, and of originals that were replaced', async () => {
    const site = await siteOf(three, {
      handler: async () => ({ made: 0, skipped: 1, failures: [], dropped: true }),
    })
    expect(await run(site)).toMatchObject({ state: 'done', skipped: 3, dropped: 3, made: 0, failed: 0 })
  })

  it.each([
    ['a bucket that is not there', { bucket: 'other' }, 'no_such_bucket'],
    ['a preset that is not there', { presets: ['small', 'huge'] }, 'invalid_request'],
    ['no preset', { presets: [] }, 'invalid_request'],
    ['a prefix that no key could have', { prefix: 'x'.repeat(1_025) }, 'invalid_request'],
  ])('is refused for %s', async (_, order, code) => {
    const site = await siteOf(three)
    expect(() => site.warm({ ...all, ...order }, never)).toThrow(expect.objectContaining({ code }))
  })

  it('is refused for a bucket that makes nothing ahead, unless presets are named', async () => {
    const { pregenerate: _, ...without } = media
    const site = await siteOf(three, { buckets: { media: without } })
    expect(() => site.warm(all, never)).toThrow('small, large')
    expect(await run(site, { presets: ['large'] })).toMatchObject({ made: 3 })
  })

  it('is refused for a storage that cannot tell its keys', async () => {
    const storages = { ...media.storages, basic: { kind: 'noop' } }
    const site = await siteOf([], { buckets: { media: { ...media, storages } } })
    site.storage('media/basic').list = undefined as never
    expect(() => site.warm(all, never)).toThrow(expect.objectContaining({ code: 'unsupported' }))
  })
})

describe('failures', () => {
  it('are listed, those of one original and reason as one', async () => {
    const site = await siteOf(three, {
      handler: async (batch, context) =>
        batch.original.key === '/a.jpg' ? failing('undecodable', batch) : made(batch, context),
    })
    const failure = { key: '/a.jpg', code: 'undecodable', message: 'why', derivatives: 2 }
    const end = { state: 'done', done: 3, made: 4, failed: 2, failures: [failure] }
    expect(await run(site, { presets: ['small', 'large'] })).toMatchObject(end)
  })

  it('are none when there is no picture', async () => {
    const site = await siteOf(three, { handler: async batch => failing('no_such_object', batch) })
    expect(await run(site)).toMatchObject({ state: 'done', done: 3, failed: 0, failures: [], ignored: 3 })
  })

  it('are all counted, and the first hundred are listed', async () => {
    const site = await siteOf(numbered(250), { handler: async batch => failing('timed_out', batch) })
    const end = await run(site)
    expect([end.failed, end.failures.length]).toEqual([250, 100])
  })

  it('of the queue that may pass are waited out', async () => {
    const site = await siteOf(three)
    const { run: original } = site.batches
    let refused = 0
    site.deps.batches.run = async (batch, signal) => {
      if (refused++ < 2) throw new MortiseError('overloaded', 'full', { retryAfter: 0.01 })
      return original(batch, signal)
    }
    expect(await run(site)).toMatchObject({ state: 'done', made: 3, failed: 0 })
  })

  it('of the queue that last end it', async () => {
    const site = await siteOf(three)
    site.deps.batches.run = async () => {
      site.clock.ms += 3_600_000
      throw new MortiseError('queue_unavailable', 'Redis is away')
    }
    const error = { code: 'queue_unavailable', message: 'Redis is away' }
    expect(await run(site)).toMatchObject({ state: 'failed', error, made: 0 })
  })
})

describe('a queue', () => {
  it('has a part of what may wait there, and the rest stays in the storage', async () => {
    const site = await siteOf(numbered(100), { server: { queue: { maxBackground: 40 } } })
    const stop = new AbortController()
    const warming = site.warm(all, stop.signal)
    await expect.poll(() => warming.progress()).toMatchObject({ queued: 10, found: 100, counted: true })
    expect(await site.batches.stats()).toEqual({ waiting: 10, active: 0 })
    stop.abort(new Error('enough'))
    expect(await warming.ended).toMatchObject({ state: 'cancelled', error: null, done: 0, found: 100, queued: 10 })
    // They are made by whoever comes.
    expect(await site.batches.stats()).toEqual({ waiting: 10, active: 0 })
  })

  it('is left by an order that is interrupted, which can be given again', async () => {
    const gate = Promise.withResolvers<void>()
    const stop = new AbortController()
    const site = await siteOf(numbered(20), {
      handler: async batch => {
        await gate.promise
        return { made: batch.plans.length, skipped: 0, failures: [] }
      },
    })
    await using _consumer = await site.consume()
    const first = site.warm(all, stop.signal)
    await expect.poll(() => site.seen().length).toBe(4)
    stop.abort(new Error('enough'))
    expect(await first.ended).toMatchObject({ state: 'cancelled', done: 0 })
    gate.resolve()
    expect(await site.warm(all, never).ended).toMatchObject({ state: 'done', done: 20, failed: 0 })
  })
})

describe('progress', () => {
  it('has a rate, and says how long it will take when all is counted', async () => {
    const gates = numbered(4).map(() => Promise.withResolvers<void>())
    let next = 0
    const site = await siteOf(numbered(4), {
      server: { queue: { maxBackground: 4 } },
      handler: async (batch, context) => {
        await gates[next++]?.promise
        return made(batch, context)
      },
    })
    await using _consumer = await site.consume()
    const warming = site.warm(all, never)
    await expect.poll(() => warming.progress().counted).toBe(true)
    expect(warming.progress()).toMatchObject({ rate: 0, remaining: null })
    site.clock.ms += 10_000
    gates[0]?.resolve()
    await expect.poll(() => warming.progress().done).toBe(1)
    expect(warming.progress()).toMatchObject({ rate: 0.1, remaining: 30, seconds: 10 })
    for (const gate of gates) gate.resolve()
    expect(await warming.ended).toMatchObject({ done: 4, remaining: 0, seconds: 10 })
  })
})

describe('a dry run', () => {
  const dry = { dryRun: true, presets: ['small', 'large'] }

  it('tells what is missing or of another original, and queues nothing', async () => {
    const site = await siteOf(three)
    const [current, outdated] = await Promise.all([
      put(site.storage('media/basic'), '/a.jpg'),
      put(site.storage('media/basic'), '/trip/b.jpg'),
    ])
    await store(site, '/a.jpg', current.etag)
    await store(site, '/trip/b.jpg', `not ${outdated.etag}`)
    const end = await site.warm({ ...all, ...dry }, never).ended
    expect(end).toMatchObject({ state: 'done', done: 3, missing: 4, skipped: 2, made: 0 })
    expect(await site.batches.stats()).toEqual({ waiting: 0, active: 0 })
  })

  it('passes over what is no picture', async () => {
    const site = await siteOf(['/a.jpg'])
    await put(site.storage('media/basic'), '/notes.txt', {}, 'text/plain')
    expect(await site.warm({ ...all, ...dry }, never).ended).toMatchObject({ done: 2, ignored: 1, missing: 2 })
  })

  async function store({ planner, storage }: Site, key: string, original: string) {
    for (const plan of planner.pregenerated({ storage: 'media/basic', bucket: 'media', key }, dry)) {
      const { derivative, id } = plan
      const size = `bytes of ${derivative.key}`.length
      const record = { size, width: 1, height: 1, plan: id, original, etag: 'e', modified: 1 }
      await put(storage('media/transform'), derivative.key, writeRecord(record))
    }
  }
})
