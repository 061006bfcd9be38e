import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, startCluster } from '../cluster.ts'
import { until } from '../until.ts'
import { get, metric } from './client.ts'
import { createSite } from './site.ts'

const kilobytes = 1024
const names = Array.from({ length: 12 }, (_, i) => `${i}.bin`)
const site = await createSite({
  ...Object.fromEntries(names.map(name => [`photos/${name}`, randomBytes(100 * kilobytes)])),
  'photos/large.bin': randomBytes(1100 * kilobytes),
})

describe('the cache in memory', () => {
  let cluster: Cluster
  const isHit = async (target: string) => (await get(cluster.url + target)).headers.get('x-mort-cache') === 'hit'

  beforeAll(async () => {
    const { storages } = await site.emptyStore()
    const bucket = (control: string) => ({ storages: storages('photos'), headers: { 'Cache-Control': control } })
    const [long, short, never] = ['max-age=600', 'max-age=1', 'max-age=600, no-store'].map(bucket)
    const buckets = { long, short, never }
    const server = { cache: { cacheSize: 900 * kilobytes, maxCacheItemSizeMB: 1 } }
    const config = { server, buckets }
    cluster = await startCluster('embedded', config)
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  it('keeps a response for as long as it may be kept', async () => {
    await until('a hit', () => isHit('/short/0.bin'))
    await until('the second to pass', async () => !(await isHit('/short/0.bin')))
  })

  it('keeps nothing that may not be stored', async () => {
    expect([await isHit('/never/0.bin'), await isHit('/never/0.bin')]).toEqual([false, false])
  })

  it('makes room by leaving out what was not used for longest, one by one', async () => {
    for (const name of names.slice(0, 8)) await isHit(`/long/${name}`)
    expect(await isHit('/long/0.bin')).toBe(true)
    await isHit('/long/8.bin')
    await isHit('/long/9.bin')
    expect(await isHit('/long/0.bin')).toBe(true)
    expect(await isHit('/long/9.bin')).toBe(true)
    expect(await isHit('/long/7.bin')).toBe(true)
    expect(await isHit('/long/1.bin')).toBe(false)
  })

  it('is not emptied by what is too large for it', async () => {
    await isHit('/long/9.bin')
    expect([await isHit('/long/large.bin'), await isHit('/long/large.bin')]).toEqual([false, false])
    expect(await isHit('/long/9.bin')).toBe(true)
  })

  it('has no more bytes than it may', async () => {
    for (const name of names) await get(`${cluster.url}/long/${name}`)
    expect(await metric(cluster.gateway, 'mortise_cache_bytes')).toBeLessThanOrEqual(900 * kilobytes)
  })
})
