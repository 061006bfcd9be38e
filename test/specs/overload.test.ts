import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { resultOf, tally } from '../observe.ts'
import { startOrigin } from '../servers/origin.ts'
import { startRedis } from '../servers/redis.ts'
import { until, untilEqual } from '../until.ts'
import { get, metric } from './client.ts'
import { createSite } from './site.ts'

const limit = { maxWaiting: 5 }
/** One storage may keep as many originals waiting as there are threads. */
const threads = 5
const origin = await startOrigin()
origin.put('/photos/cat.jpg', await photo(300, 200))
const site = await createSite({})
afterAll(() => origin[Symbol.asyncDispose]())

describe.each(['embedded', 'distributed'] as const)('more misses than may wait (%s)', mode => {
  const stack = new AsyncDisposableStack()
  let gateway: Part
  let worker: Part
  beforeAll(async () => {
    const storages = { ...(await site.emptyStore()).storages(), basic: origin.storage }
    const headers = { 'Cache-Control': 'max-age=600' }
    const buckets = { photos: { storages, headers, transform: { kind: 'query' } } }
    if (mode === 'embedded') {
      worker = gateway = stack.use(await startPart('serve', { server: { queue: limit, worker: { threads } }, buckets }))
    } else {
      const { url } = stack.use(await startRedis())
      gateway = stack.use(
        await startPart('gateway', withQueue({ server: { worker: { threads } }, buckets }, url, limit)),
      )
      worker = stack.use(await startPart('worker', withQueue({ server: { worker: { threads } }, buckets }, url, limit)))
    }
  })
  afterAll(() => stack.disposeAsync())

  const at = (width: number) => get(`${gateway.url}/photos/cat.jpg?width=${width}`)
  const widths = (count: number) => Array.from({ length: count }, (_, i) => 10 + i)

  it('are refused with a 503 that says when to come again, and hits are served meanwhile', async () => {
    expect(resultOf(await at(200))).toBe('200')
    origin.behave(() => 'hold')
    // 100 different ones at once; while their original does not come, exactly five of them can wait.
    const burst = widths(100).map(at)
    await untilEqual('refusals', () => metric(gateway, 'mort_request_throttled_count'), 95)
    expect(await metric(gateway, 'mortise_flights')).toBe(5)
    const hits = await Promise.all(Array.from({ length: 50 }, () => at(200)))
    expect(tally(hits.map(hit => `${hit.status} ${hit.headers.get('x-mort-cache')}`))).toEqual({ '200 hit': 50 })

    origin.release()
    const answers = await Promise.all(burst)
    expect(tally(answers.map(resultOf))).toEqual({ 200: 5, '503 overloaded': 95 })
    for (const { status, headers } of answers) {
      if (status === 503) expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    }
  })

  it('that join one that waits already are no further misses', async () => {
    origin.behave(() => 'hold')
    const crowd = Array.from({ length: 60 }, (_, i) => at(200 + (i % 3) + 1))
    await untilEqual('requests that wait', () => metric(gateway, 'mortise_waiters'), 60)
    origin.release()
    expect(tally((await Promise.all(crowd)).map(resultOf))).toEqual({ 200: 60 })
  })

  it('find room again when it is over', async () => {
    const before = await metric(worker, 'mort_generation_time_count')
    await until('the burst to be over', async () => (await metric(gateway, 'mortise_flights')) === 0)
    for (const from of [0, 5, 10, 15]) {
      const batch = widths(20).slice(from, from + 5)
      expect(tally((await Promise.all(batch.map(width => at(300 + width)))).map(resultOf))).toEqual({ 200: 5 })
    }
    expect(await metric(worker, 'mort_generation_time_count')).toBe(before + 20)
  })
})
