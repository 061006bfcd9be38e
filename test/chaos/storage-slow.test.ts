import { afterAll, expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { resultOf, signsOfACrash, tally } from '../observe.ts'
import { type Behaviour, startOrigin } from '../servers/origin.ts'
import { get, metric, renders } from '../specs/client.ts'
import { createSite } from '../specs/site.ts'
import { until, untilEqual } from '../until.ts'

const widths = (count: number) => Array.from({ length: count }, (_, i) => 10 + i)

const picture = await photo(300, 200)
const site = await createSite({ 'fine/cat.jpg': picture })
const origin = await startOrigin()
afterAll(() => origin[Symbol.asyncDispose]())

/** One bucket on a disk; of the others, one storage is the origin. */
const odd = { deaf: 'basic', broken: 'basic', cut: 'basic', full: 'transform', stuck: 'transform', gone: 'transform' }

describeModes(
  'a storage',
  async () => {
    origin.release()
    const store = await site.emptyStore()
    const transform = { kind: 'query' }
    const buckets = Object.entries(odd).map(([name, which]) => {
      if (which === 'basic') origin.put(`/${name}/cat.jpg`, picture)
      return [name, { storages: { ...store.storages('fine'), [which]: origin.storage }, transform }]
    })
    const server = { cache: { ttl: 0 }, worker: { threads: 2, sourceTimeout: 2 } }
    const fine = { storages: store.storages(), transform }
    return { config: { server, buckets: { fine, ...Object.fromEntries(buckets) } } }
  },
  cluster => {
    const at = (name: string) => get(`${cluster().url}/${name}`)
    const results = async (names: string[]) => tally((await Promise.all(names.map(at))).map(resultOf))
    const sizes = (bucket: string, count: number) => widths(count).map(width => `${bucket}/cat.jpg?width=${width}`)
    /** Requests whose method and bucket match. */
    const behave = (pattern: RegExp, behaviour: Behaviour) =>
      origin.behave(request => (pattern.test(request) ? behaviour : 'answer'))

    it('that never answers keeps no other bucket waiting, and its own requests are refused in time', async () => {
      behave(/\/deaf/, 'hold')
      const stuck = results([...sizes('deaf', 20), ...Array(10).fill('deaf/cat.jpg')])
      await until('it to be asked', () => origin.held.length > 0)
      expect(await results(sizes('fine', 10))).toEqual({ 200: 10 })
      expect(origin.held).not.toEqual([])
      expect(await stuck).toEqual({ '503 storage_unavailable': 30 })
      origin.release()
      expect(resultOf(await at('deaf/cat.jpg?width=100'))).toBe('200')
    })

    it('that never takes a derivative keeps no other bucket waiting, and its clients get their pictures', async () => {
      behave(/^PUT \/stuck/, 'hold')
      expect(await results(sizes('stuck', 20))).toEqual({ 200: 20 })
      expect(await results(sizes('fine', 20))).toEqual({ 200: 20 })
      await until('the puts to be given up', () => origin.held.length === 0)
      expect(origin.names().filter(name => name.startsWith('/stuck'))).toEqual([])
    })

    it('that never gives a derivative has its requests refused in time, and keeps no other bucket waiting', async () => {
      behave(/^GET \/gone/, 'hold')
      const stuck = results(sizes('gone', 10))
      await until('it to be asked', () => origin.held.length > 0)
      expect(resultOf(await at('fine/cat.jpg?width=200'))).toBe('200')
      expect(await stuck).toEqual({ '503 storage_unavailable': 10 })
    })

    it.each([
      ['fails', 'broken', 'fail'],
      ['cuts the connection of', 'cut', 'sever'],
    ] as const)('that %s every request is a 503, until it is mended', async (_, bucket, behaviour) => {
      behave(new RegExp(bucket), behaviour)
      for (const path of [`${bucket}/cat.jpg`, `${bucket}/cat.jpg?width=10`]) {
        const refused = await at(path)
        expect(resultOf(refused)).toBe('503 storage_unavailable')
        expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      }
      expect(resultOf(await at('fine/cat.jpg?width=10'))).toBe('200')
      origin.release()
      expect(resultOf(await at(`${bucket}/cat.jpg?width=10`))).toBe('200')
    })

    it('that fails every put loses the work, not the picture', async () => {
      behave(/^PUT \/full/, 'fail')
      const before = await renders(cluster())
      for (const times of [1, 2]) {
        expect(resultOf(await at('full/cat.jpg?width=10'))).toBe('200')
        await untilEqual('jobs in hand', () => metric(cluster().worker, 'mortise_jobs_in_hand'), 0)
        expect((await renders(cluster())) - before).toBe(times)
      }
      origin.release()
      expect(resultOf(await at('full/cat.jpg?width=11'))).toBe('200')
      await until('a derivative to be stored', () => origin.names().some(name => name.startsWith('/full')))
    })

    it('is never the reason of a crash', () => {
      expect([cluster().gateway.output(), cluster().worker.output()].join('')).not.toMatch(signsOfACrash)
    })
  },
)
