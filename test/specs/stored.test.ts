import { stat, truncate } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { startCluster, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { startRedis } from '../servers/redis.ts'
import { derivative, get, metric, pictureOf, renders, whenStored } from './client.ts'
import { createSite, type Store } from './site.ts'

const site = await createSite({ 'one/photo.jpg': await photo(600, 400), 'two/photo.jpg': await photo(400, 600) })

/** Nothing is kept in memory, so that everything comes from the storage. */
function configOf(store: Store, width = 90, ttl = 0) {
  const storages = store.storages('one')
  const path = '^/(?P<presetName>small)/(?P<parent>.+)$'
  const presets = { small: { filters: { thumbnail: { width } } } }
  return {
    server: { cache: { ttl } },
    buckets: {
      one: { storages, transform: { kind: 'query' } },
      two: { storages: store.storages(), transform: { kind: 'query' } },
      presets: { storages, transform: { kind: 'presets', path, presets, parentBucket: 'one' } },
      checked: { storages, transform: { kind: 'query', checkParent: true } },
    },
  }
}

let store: Store

async function setUp() {
  store = await site.emptyStore()
  return { config: configOf(store) }
}

const told = ({ headers }: { headers: Headers }) =>
  ['etag', 'last-modified', 'content-type', 'content-length', 'x-amz-meta-public-width'].map(name => headers.get(name))

describeModes('derivatives in a storage', setUp, cluster => {
  const at = (target: string) => cluster().url + target

  it('are rendered once for 50 requests at one time', async () => {
    const before = await renders(cluster())
    const answers = await Promise.all(Array.from({ length: 50 }, () => get(at('/one/photo.jpg?width=310'))))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(answer => told(answer).join())).size).toBe(1)
    expect((await renders(cluster())) - before).toBe(1)
  })

  it('are told apart by bucket when their keys are equal', async () => {
    const [one, two] = await Promise.all([get(at('/one/photo.jpg?width=60')), get(at('/two/photo.jpg?width=60'))])
    expect(await pictureOf(one)).toEqual(derivative('60x40'))
    expect(await pictureOf(two)).toEqual(derivative('60x90'))
  })

  it('are one for every spelling of a request', async () => {
    const before = await renders(cluster())
    const targets = [
      'width=77&height=50',
      'height=50&width=77&v=3',
      'operation=resize&width=77&height=50',
      'width=%37%37&height=50',
    ]
    const answers = await Promise.all(targets.map(query => get(at(`/one/photo.jpg?${query}`))))
    expect(new Set(answers.map(answer => told(answer).join())).size).toBe(1)
    expect((await renders(cluster())) - before).toBe(1)
  })

  it('are found by another process, with what was told of them before', async () => {
    const targets = ['/one/photo.jpg?width=123', '/presets/small/photo.jpg']
    const first = await Promise.all(targets.map(target => get(at(target))))
    await whenStored(cluster())

    await using restarted = await startCluster(cluster().mode, configOf(store))
    const second = await Promise.all(targets.map(target => get(restarted.url + target)))
    expect(second.map(told)).toEqual(first.map(told))
    expect(second.map(({ bytes }) => Buffer.from(bytes))).toEqual(first.map(({ bytes }) => Buffer.from(bytes)))
    expect(await renders(restarted)).toBe(0)
  })

  it('are made again when their preset has changed', async () => {
    expect(await pictureOf(await get(at('/presets/small/photo.jpg')))).toEqual(derivative('90x60'))
    await whenStored(cluster())
    await using changed = await startCluster(cluster().mode, configOf(store, 45))
    expect(await pictureOf(await get(`${changed.url}/presets/small/photo.jpg`))).toEqual(derivative('45x30'))
  })

  for (const [name, size] of [
    ['half of its file', 0.5],
    ['an empty file', 0],
  ] as const) {
    it(`are made again when a power cut left ${name}`, async () => {
      const target = at(`/one/photo.jpg?width=${size === 0 ? 250 : 251}`)
      const earlier = new Set(await store.files())
      const whole = await get(target)
      await whenStored(cluster())
      const [file, ...more] = (await store.files()).filter(one => !earlier.has(one))
      expect(more).toEqual([])
      await truncate(file!, Math.floor((await stat(file!)).size * size))

      const before = await renders(cluster())
      const again = await get(target)
      expect(again.status).toBe(200)
      expect(Buffer.from(again.bytes).equals(whole.bytes)).toBe(true)
      await whenStored(cluster())
      expect(Buffer.from((await get(target)).bytes).equals(whole.bytes)).toBe(true)
      expect((await renders(cluster())) - before).toBe(1)
    })
  }

  it('outlive their original, unless checkParent is set', async () => {
    await site.write('one/passing.jpg', await photo(60, 40))
    const targets = ['/one/passing.jpg?width=33', '/checked/passing.jpg?width=33']
    for (const target of targets) expect((await get(at(target))).status).toBe(200)
    await whenStored(cluster())
    await site.remove('one/passing.jpg')
    expect(await Promise.all(targets.map(async target => (await get(at(target))).status))).toEqual([200, 404])
  })

  it('with checkParent, are made again when the original has changed', async () => {
    await site.write('one/changing.jpg', await photo(60, 40))
    const before = await get(at('/checked/changing.jpg?width=30'))
    expect(await pictureOf(before)).toEqual(derivative('30x20'))
    await whenStored(cluster())
    expect(told(await get(at('/checked/changing.jpg?width=30')))).toEqual(told(before))

    await site.write('one/changing.jpg', await photo(40, 60))
    expect(await pictureOf(await get(at('/checked/changing.jpg?width=30')))).toEqual(derivative('30x45'))
  })
})

describeModes(
  'derivatives in memory',
  async () => ({ config: configOf(await site.emptyStore(), 90, 60) }),
  cluster => {
    it('answer the second request, with what the first was told', async () => {
      const url = `${cluster().url}/one/photo.jpg?width=222`
      const first = await get(url)
      const second = await get(url)
      expect([first, second].map(({ headers }) => headers.get('x-mort-cache'))).toEqual([null, 'hit'])
      expect(told(second)).toEqual(told(first))
      expect(Buffer.from(second.bytes).equals(first.bytes)).toBe(true)
    })

    it('answer another spelling of the request', async () => {
      const { url } = cluster()
      await get(`${url}/one/photo.jpg?width=223`)
      const other = await get(`${url}/one/photo.jpg?operation=resize&width=223`)
      expect(other.headers.get('x-mort-cache')).toBe('hit')
    })

    it('are not kept where checkParent has to look at the original', async () => {
      const url = `${cluster().url}/checked/photo.jpg?width=222`
      await get(url)
      expect((await get(url)).headers.get('x-mort-cache')).toBe(null)
    })
  },
)

it('a burst over two gateways is one render', async () => {
  await using redis = await startRedis()
  const config = withQueue(configOf(await site.emptyStore()), redis.url)
  const started = await Promise.all([
    startPart('gateway', config),
    startPart('gateway', config),
    startPart('worker', config),
  ])
  await using parts = new AsyncDisposableStack()
  for (const part of started) parts.use(part)
  const [one, two, worker] = started
  const urls = Array.from({ length: 20 }, (_, i) => `${(i % 2 ? one : two).url}/one/photo.jpg?width=310`)
  const answers = await Promise.all(urls.map(url => get(url)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect(await metric(worker, 'mort_generation_time_count')).toBe(1)
})
