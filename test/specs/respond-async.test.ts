import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { resultOf, tally } from '../observe.ts'
import { startOrigin } from '../servers/origin.ts'
import { type RedisServer, startRedis } from '../servers/redis.ts'
import { until, untilEqual } from '../until.ts'
import { derivative, get, head, metric, pictureOf } from './client.ts'
import { createSite } from './site.ts'

const origin = await startOrigin()
origin.put('/photos/cat.jpg', await photo(300, 200))
origin.put('/photos/broken.jpg', Buffer.from('no picture'))
const site = await createSite({})
afterAll(() => origin[Symbol.asyncDispose]())

const prefer = { prefer: 'respond-async' }

describe.each(['embedded', 'distributed'] as const)('a client who would rather ask again than wait (%s)', mode => {
  const stack = new AsyncDisposableStack()
  let gateway: Part
  let worker: Part
  let redis: RedisServer | undefined
  beforeAll(async () => {
    const stores = (await site.emptyStore()).storages()
    const config = {
      server: { queue: { maxWaiting: 8 }, worker: { threads: 4 } },
      headers: [{ statusCodes: [200, 202], values: { 'Cache-Control': 'max-age=600' } }],
      buckets: {
        photos: { storages: { ...stores, basic: origin.storage }, transform: { kind: 'query' } },
        unkept: {
          storages: { basic: { ...origin.storage, bucket: 'photos' }, transform: { kind: 'noop' } },
          transform: { kind: 'query' },
        },
      },
    }
    if (mode === 'embedded') gateway = worker = stack.use(await startPart('serve', config))
    else {
      redis = stack.use(await startRedis())
      const shared = withQueue(config, redis.url, config.server.queue)
      gateway = stack.use(await startPart('gateway', shared))
      worker = stack.use(await startPart('worker', shared))
    }
  })
  afterAll(() => stack.disposeAsync())

  const at = (width: number, key = 'cat.jpg') => `${gateway.url}/photos/${key}?width=${width}`
  const jobs = () => metric(worker, 'mort_generation_time_count')
  const idle = () => untilEqual('jobs that somebody waits for', () => metric(gateway, 'mortise_flights'), 0)

  it('is told at once where and when, however often he asks, and gets it when it is there', async () => {
    const before = await jobs()
    origin.behave(() => 'hold')
    for (const ask of [get, head, get]) {
      const { status, headers, text } = await ask(at(50), prefer)
      expect(status).toBe(202)
      expect(headers.get('location')).toBe('/photos/cat.jpg?width=50')
      expect(headers.get('retry-after')).toMatch(/^([1-9]|[1-5]\d|60)$/)
      expect(headers.get('preference-applied')).toBe('respond-async')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('content-length')).toBe('21')
      expect(text).toBe(ask === head ? '' : '{"status":"accepted"}')
    }
    origin.release()
    await until('the derivative', async () => (await head(at(50), prefer)).status === 200)
    const answer = await get(at(50), prefer)
    expect(await pictureOf(answer)).toEqual(derivative('50x33'))
    expect([answer.headers.get('preference-applied'), answer.headers.get('cache-control')]).toEqual([
      null,
      'max-age=600',
    ])
    expect(await jobs()).toBe(before + 1)
  })

  it('gets it in the first answer when it is there in the time that he names', async () => {
    const answer = await get(at(51), { prefer: 'respond-async, wait=30' })
    expect(await pictureOf(answer)).toEqual(derivative('51x34'))
    origin.behave(() => 'hold')
    const { status } = await get(at(52), { prefer: 'respond-async, wait=1' })
    expect(status).toBe(202)
    const waiting = get(at(52), { prefer: 'respond-async, wait=30' })
    origin.release()
    expect(await pictureOf(await waiting)).toEqual(derivative('52x35'))
  })

  it('does not have others wait for longer, nor them have it made twice', async () => {
    const before = await jobs()
    origin.behave(() => 'hold')
    expect((await get(at(53), prefer)).status).toBe(202)
    const patient = get(at(53))
    await untilEqual('requests that wait', () => metric(gateway, 'mortise_waiters'), 2)
    origin.release()
    expect(await pictureOf(await patient)).toEqual(derivative('53x35'))
    expect(await jobs()).toBe(before + 1)
  })

  it('learns what failed when he asks again', async () => {
    for (const [key, failure] of [
      ['absent.jpg', '404 no_such_object'],
      ['broken.jpg', '400 undecodable'],
    ] as const) {
      await until(failure, async () => {
        const answer = await get(at(54, key), { ...prefer, accept: '*/*' })
        return answer.status !== 202 && `${answer.status} ${JSON.parse(answer.text).code}` === failure
      })
    }
  })

  it('is refused when too much is being made already; those who wait have their places', async () => {
    await idle()
    origin.behave(() => 'hold')
    const answers = []
    for (let width = 60; width < 70; width++) answers.push(await get(at(width), prefer))
    expect(tally(answers.map(({ status }) => String(status)))).toEqual({ 202: 4, 503: 6 })
    const refused = answers.at(-1)
    expect([refused && resultOf(refused), Number(refused?.headers.get('retry-after'))]).toEqual([
      '503 overloaded',
      expect.toBeOneOf([1, 2, 3]),
    ])
    const patient = [70, 71].map(width => get(at(width)))
    await untilEqual('jobs that somebody waits for', () => metric(gateway, 'mortise_flights'), 6)
    origin.release()
    expect((await Promise.all(patient)).map(({ status }) => status)).toEqual([200, 200])
    await until('the first', async () => (await head(at(60), prefer)).status === 200)
  })

  it('waits as anybody for what nobody keeps', async () => {
    const answer = await get(`${gateway.url}/unkept/cat.jpg?width=55`, prefer)
    expect(await pictureOf(answer)).toEqual(derivative('55x37'))
  })

  it('is told at the second time that Redis is away', async () => {
    if (!redis) return
    await redis.kill('SIGKILL')
    await until('503', async () => resultOf(await get(at(57), prefer)) === '503 queue_unavailable')
  })
})
