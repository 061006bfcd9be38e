import { afterAll, expect, it } from 'vitest'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { startPictures } from '../servers/pictures.ts'
import { startRedis } from '../servers/redis.ts'
import { derivative, get, pictureOf } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({ 'noop/photo.jpg': await photo(600, 400), 'readonly/photo.jpg': await photo(600, 400) })
const web = await startPictures({})
afterAll(() => web[Symbol.asyncDispose]())

const basic = { kind: 'local', rootPath: site.folder }
const transforms = { noop: { kind: 'noop' }, readonly: { kind: 'http', url: `${web.url}/<container><item>` } }
const buckets = Object.entries(transforms).map(([name, transform]) => {
  return [name, { storages: { basic, transform }, transform: { kind: 'query' } }]
})
const config = { server: { cache: { ttl: 0 } }, buckets: Object.fromEntries(buckets) }

async function expectAll({ url }: Part) {
  for (const bucket of Object.keys(transforms)) {
    for (const width of [90, 300, 90]) {
      const answer = await get(`${url}/${bucket}/photo.jpg?width=${width}`)
      expect(await pictureOf(answer), `${bucket}, ${width} px`).toEqual(derivative(`${width}x${(width * 2) / 3}`))
    }
  }
}

it('a derivative that no storage keeps reaches who waits for it in one process', async () => {
  await using part = await startPart('serve', config)
  await expectAll(part)
})

it.each([0, 1_000_000])('and in several, where %s bytes may travel between them', async inlineBytes => {
  await using redis = await startRedis()
  const shared = withQueue(config, redis.url, { inlineBytes })
  await using gateway = await startPart('gateway', shared)
  await using _worker = await startPart('worker', shared)
  await expectAll(gateway)
})
