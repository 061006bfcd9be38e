import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { signsOfACrash } from '../observe.ts'
import { startOrigin } from '../servers/origin.ts'
import { type RedisServer, startRedis } from '../servers/redis.ts'
import { untilEqual } from '../until.ts'
import { type Answer, derivative, get, head, metric, pictureOf } from './client.ts'

const picture = await photo(600, 400)
const own = { 'content-type': 'image/jpeg' }

/** An origin for originals and derivatives, a Redis, and the configuration of gateways that share it. */
async function start(cache: object = {}) {
  const stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const origin = stack.use(await startOrigin())
  origin.put('/media/cat.jpg', picture, { ...own, 'cache-control': 'public, max-age=500' })
  origin.put('/media/plain.jpg', picture, own)
  origin.put('/media/private.jpg', picture, { ...own, 'cache-control': 'private, max-age=500' })
  origin.put('/media/unstored.jpg', picture, { ...own, 'cache-control': 'no-store, max-age=500' })
  const storages = { basic: origin.storage, transform: { ...origin.storage, pathPrefix: 'made' } }
  const config = {
    server: { cache: { type: 'redis', address: [redis.url], ttl: 300, ...cache } },
    headers: [{ statusCodes: [404], values: { 'Cache-Control': 'max-age=500' } }],
    buckets: { media: { storages, transform: { kind: 'query' } } },
  }
  const client = new Redis(redis.port)
  client.on('error', () => {})
  stack.defer(() => client.disconnect())
  /** Each in a process of its own. */
  const gateways = async (...configs: object[]) =>
    (await Promise.all(configs.map(async config => stack.use(await startPart('serve', config))))) as [Part, Part, Part]
  return { redis, origin, config, client, gateways, stack }
}

const events = (part: Part, event: string) => metric(part, `mortise_shared_cache_total{event="${event}"}`)
const written = (part: Part, count: number) => untilEqual('responses written', () => events(part, 'written'), count)
const keysOf = (client: Redis) => client.keys('mortise:cache:*:r:*')

const told = ({ status, headers }: Answer) =>
  [
    status,
    ...['etag', 'last-modified', 'content-type', 'content-length', 'cache-control', 'x-amz-meta-public-width'].map(
      name => headers.get(name),
    ),
  ].join()

describe('a response that one gateway has cached', () => {
  let site: Awaited<ReturnType<typeof start>>
  let one: Part
  let two: Part
  let other: Part
  beforeAll(async () => {
    site = await start()
    const rules = [{ statusCodes: [200], values: { 'X-Rule': 'new' } }]
    ;[one, two, other] = await site.gateways(site.config, site.config, { ...site.config, headers: rules })
  })
  afterAll(() => site?.stack.disposeAsync())

  /** Asks the first gateway, and waits until what it answers is in the shared cache, under this key. */
  async function cacheThroughOne(target: string): Promise<{ first: Answer; key: string }> {
    const [before, earlier] = [await events(one, 'written'), await keysOf(site.client)]
    const first = await get(one.url + target)
    await written(one, before + 1)
    await untilEqual('jobs in hand', () => metric(one, 'mortise_jobs_in_hand'), 0)
    const [key, ...more] = (await keysOf(site.client)).filter(key => !earlier.includes(key))
    expect([first.status, first.headers.get('x-mort-cache'), more]).toEqual([200, null, []])
    return { first, key: key! }
  }

  it.each([
    ['an original', '/media/cat.jpg'],
    ['a derivative', '/media/cat.jpg?width=120'],
  ])('is answered by another one without asking a storage: %s', async (_, target) => {
    const { first } = await cacheThroughOne(target)
    const [before, hits] = [site.origin.requests.length, await events(two, 'hit')]
    const second = await get(two.url + target)
    expect([told(second), second.headers.get('x-mort-cache')]).toEqual([told(first), 'hit'])
    expect(Buffer.from(second.bytes).equals(first.bytes)).toBe(true)

    // From there on it is in the memory of that one.
    const third = await get(two.url + target)
    expect([told(third), third.headers.get('x-mort-cache')]).toEqual([told(first), 'hit'])
    expect(await events(two, 'hit')).toBe(hits + 1)
    expect(site.origin.requests.slice(before)).toEqual([])
    expect(await metric(two, 'mort_generation_time_count')).toBe(0)
  })

  it('is answered there in parts, under conditions and without a body', async () => {
    const targets = [1, 2, 3].map(width => `/media/cat.jpg?width=13${width}`)
    const firsts: Answer[] = []
    for (const target of targets) firsts.push((await cacheThroughOne(target)).first)
    const before = site.origin.requests.length
    const [ranged, conditional, bodiless] = targets.map(target => two.url + target)
    const part = await get(ranged!, { range: 'bytes=10-19' })
    expect([part.status, Buffer.from(part.bytes).equals(firsts[0]!.bytes.subarray(10, 20))]).toEqual([206, true])
    expect((await get(conditional!, { 'if-none-match': firsts[1]!.headers.get('etag')! })).status).toBe(304)
    expect(told(await head(bodiless!))).toBe(told(firsts[2]!))
    expect(site.origin.requests.length).toBe(before)
  })

  it('is one value, binary, that ends with its max-age', async () => {
    site.origin.put('/media/binary.jpg', picture, { ...own, 'cache-control': 'public, max-age=500' })
    const { first, key } = await cacheThroughOne('/media/binary.jpg')
    const value = (await site.client.getBuffer(key))!
    expect(value.length - first.bytes.length).toBeLessThanOrEqual(1024)
    expect(value.subarray(-first.bytes.length).equals(first.bytes)).toBe(true)
    expect(Math.ceil((await site.client.pttl(key)) / 10_000)).toBe(50)
  })

  it.each([
    ['nothing', () => Buffer.alloc(0)],
    ['half of it', (value: Buffer) => value.subarray(0, value.length / 2)],
    ['something else', () => Buffer.from('\0\0\0\x02{}<script>')],
  ])('does not count when there is %s in its place', async (name, spoil) => {
    const target = `/media/${name.replaceAll(' ', '-')}.jpg`
    site.origin.put(target, picture, { ...own, 'cache-control': 'public, max-age=500' })
    const { first, key } = await cacheThroughOne(target)
    await site.client.set(key, spoil((await site.client.getBuffer(key))!))
    const second = await get(two.url + target)
    expect([told(second), second.headers.get('x-mort-cache')]).toEqual([told(first), null])
    expect(Buffer.from(second.bytes).equals(first.bytes)).toBe(true)
  })

  it('does not count where the header rules are others', async () => {
    await cacheThroughOne('/media/cat.jpg?width=140')
    expect((await get(`${other.url}/media/cat.jpg?width=140`)).headers.get('x-rule')).toBe('new')
  })
})

async function startForTest(cache: object = {}) {
  const site = await start(cache)
  onTestFinished(() => site.stack.disposeAsync())
  return site
}

describe('the shared cache', () => {
  it('gets neither errors, nor parts, nor what may not be cached, nor what is too large', async () => {
    const { origin, config, client, gateways } = await startForTest({ maxCacheItemSizeMB: 1 })
    origin.put('/media/large.bin', Buffer.alloc(1024 * 1024 + 1), { 'cache-control': 'max-age=500' })
    const [one] = await gateways(config)
    const targets = ['absent.jpg', 'absent.jpg?width=9', 'plain.jpg', 'private.jpg', 'unstored.jpg', 'large.bin']
    for (const target of targets) await get(`${one.url}/media/${target}`)
    await get(`${one.url}/media/cat.jpg`, { range: 'bytes=0-9' })
    // The one that is kept shows that the others have had their time.
    await get(`${one.url}/media/cat.jpg`)
    await written(one, 1)
    expect(await keysOf(client)).toEqual([expect.stringMatching(/ \/cat\.jpg$/)])
  })

  it('gets a response at its n-th use, whichever gateway it is used through', async () => {
    const { config, client, gateways } = await startForTest({ minUseCount: 3 })
    const [one, two] = await gateways(config, config)
    const url = ({ url }: Part) => `${url}/media/cat.jpg`
    for (const [gateway, uses] of [
      [one, '1'],
      [two, '2'],
    ] as const) {
      expect((await get(url(gateway))).headers.get('x-mort-cache')).toBe(null)
      await untilEqual('uses', async () => client.mget(await client.keys('mortise:cache:*:n:*')), [uses])
    }
    expect(await keysOf(client)).toEqual([])
    expect((await get(url(one))).headers.get('x-mort-cache')).toBe(null)
    await written(one, 1)
    expect((await get(url(two))).headers.get('x-mort-cache')).toBe('hit')
  })

  it.each(['SIGKILL', 'SIGSTOP'] as const)('that is away by %s keeps nobody from being answered', async signal => {
    const { redis, config, gateways } = await startForTest()
    const [one, two] = await gateways(config, config)
    await get(`${one.url}/media/cat.jpg`)
    await written(one, 1)
    await redis.kill(signal)
    const targets = ['cat.jpg', 'plain.jpg', ...[1, 2, 3, 4, 5, 6, 7, 8].map(width => `cat.jpg?width=${width}`)]
    for (const target of targets) expect((await get(`${two.url}/media/${target}`)).status).toBe(200)
    expect(await get(`${two.internalUrl}/readyz`)).toMatchObject({ status: 200 })

    if (signal === 'SIGSTOP') await redis.kill('SIGCONT')
    else await redis.restart()
    await untilEqual(
      'the cache to be ready',
      async () => JSON.parse((await get(`${two.internalUrl}/readyz`)).text).checks.cache,
      'ok',
    )
    await get(`${two.url}/media/cat.jpg?width=99`)
    await untilEqual('something to be written', async () => (await events(two, 'written')) > 0, true)
    for (const part of [one, two]) {
      await part.stop()
      expect([await part.ended, part.output()]).toEqual([0, expect.not.stringMatching(signsOfACrash)])
    }
  })

  it('that is away at start is told of, and used when it comes', async () => {
    const { redis, config, gateways } = await startForTest()
    await redis.kill('SIGKILL')
    const [one] = await gateways(config)
    expect(one.output()).toMatch(/server\.cache\.address: not reached/)
    expect((await get(`${one.url}/media/cat.jpg`)).status).toBe(200)
    await redis.restart()
    await untilEqual(
      'the cache to be ready',
      async () => JSON.parse((await get(`${one.internalUrl}/readyz`)).text).checks.cache,
      'ok',
    )
    await get(`${one.url}/media/cat.jpg?width=77`)
    await written(one, 1)
  })

  it('works between gateways that render nothing', async () => {
    const { redis, config, stack } = await startForTest()
    const shared = withQueue(config, redis.url)
    const [one, two, worker] = await Promise.all([
      startPart('gateway', shared),
      startPart('gateway', shared),
      startPart('worker', shared),
    ])
    for (const part of [one, two, worker]) stack.use(part)
    const first = await get(`${one.url}/media/cat.jpg?width=50`)
    await written(one, 1)
    const second = await get(`${two.url}/media/cat.jpg?width=50`)
    expect(await pictureOf(second)).toEqual(derivative('50x33'))
    expect([told(second), second.headers.get('x-mort-cache')]).toEqual([told(first), 'hit'])
  })

  it('can be several servers', async () => {
    const { redis, config, gateways, client, stack } = await startForTest()
    const other: RedisServer = stack.use(await startRedis())
    const address = [`127.0.0.1:${redis.port}`, `127.0.0.1:${other.port}`]
    const ring = { ...config, server: { cache: { ...config.server.cache, address } } }
    const [one, two] = await gateways(ring, ring)
    const targets = Array.from({ length: 12 }, (_, width) => `/media/cat.jpg?width=${width + 20}`)
    for (const target of targets) await get(one.url + target)
    await written(one, targets.length)
    const share = (await keysOf(client)).length
    expect(share).toBeGreaterThan(0)
    expect(share).toBeLessThan(targets.length)
    for (const target of targets) expect((await get(two.url + target)).headers.get('x-mort-cache')).toBe('hit')
  })
})

it('the cache in memory takes a response at its n-th use, too', async () => {
  const { config, gateways } = await startForTest({ type: 'memory', minUseCount: 3 })
  const [one] = await gateways(config)
  for (const target of ['/media/cat.jpg', '/media/cat.jpg?width=60']) {
    const hits: (string | null)[] = []
    for (let use = 0; use < 5; use++) hits.push((await get(one.url + target)).headers.get('x-mort-cache'))
    expect(hits).toEqual([null, null, null, 'hit', 'hit'])
  }
})
