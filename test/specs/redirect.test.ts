import { createS3Storage } from '@mortise/storage/s3'
import { afterAll, expect, it } from 'vitest'
import { startPart } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { startS3rver } from '../servers/s3.ts'
import { derivative, get, head, pictureOf } from './client.ts'
import { createSite } from './site.ts'

const limit = 50_000
const large = await photo(900, 600)
const small = await photo(60, 40)
const site = await createSite({ 'files/large.jpg': large, 'files/small.jpg': small })

const server = await startS3rver()
afterAll(() => server.stop())
await server.createBucket('media')
const { name: _, createBucket, stop, ...s3 } = server
await using storage = createS3Storage(s3)
for (const [key, body] of [
  ['/large.jpg', large],
  ['/with space & ü.jpg', large],
  ['/small.jpg', small],
] as const) {
  const object = { body, size: body.byteLength, contentType: 'image/jpeg', cacheControl: 'max-age=60' }
  await storage.put({ bucket: 'media', key }, object, AbortSignal.timeout(5000))
}

async function setUp() {
  const store = (await site.emptyStore()).storages()
  return {
    config: {
      server: { maxFileSize: limit },
      headers: [{ statusCodes: [307, 200], values: { 'cache-control': 'max-age=86400', 'X-Rule': 'applied' } }],
      buckets: {
        media: { storages: { basic: { kind: 's3', ...s3 }, transform: store.transform }, transform: { kind: 'query' } },
        files: { storages: store, transform: { kind: 'query' } },
      },
    },
  }
}

describeModes('a download above server.maxFileSize', setUp, cluster => {
  const at = (target: string) => cluster().url + target

  it.each(['/media/large.jpg', '/media/with%20space%20%26%20%C3%BC.jpg'])(
    'is sent to a URL of the storage that gives it out: %s',
    async target => {
      const { status, headers, bytes } = await get(at(target))
      expect([status, bytes.length, headers.get('content-length')]).toEqual([307, 0, '0'])
      const location = headers.get('location') ?? ''
      expect(location.startsWith(`${s3.endpoint}/`)).toBe(true)
      expect(new URL(location).searchParams.get('X-Amz-Expires')).toBe('18000')
      const there = await get(location)
      expect([there.status, Buffer.from(there.bytes).equals(large)]).toEqual([200, true])
    },
  )

  it('has the headers of a response, and is not to be kept, because the URL ends', async () => {
    const { headers } = await get(at('/media/large.jpg'))
    const names = ['access-control-allow-origin', 'x-rule', 'cache-control', 'x-mort-cache']
    expect(names.map(name => headers.get(name))).toEqual(['*', 'applied', 'no-store', null])
    expect((await get(at('/media/large.jpg'))).status).toBe(307)
  })

  it('is sent there for a part of it, too', async () => {
    expect((await get(at('/media/large.jpg'), { range: 'bytes=0-9' })).status).toBe(307)
  })

  it('is a matter of GET alone', async () => {
    const { status, headers } = await head(at('/media/large.jpg'))
    expect([status, headers.get('content-length')]).toEqual([200, String(large.length)])
  })

  it('is none when it is small, or a derivative', async () => {
    expect((await get(at('/media/small.jpg'))).status).toBe(200)
    expect(await pictureOf(await get(at('/media/large.jpg?width=30')))).toEqual(derivative('30x20'))
  })

  it('is sent by the gateway where the storage has no URLs', async () => {
    const { status, bytes } = await get(at('/files/large.jpg'))
    expect([status, Buffer.from(bytes).equals(large)]).toEqual([200, true])
  })

  it('of such a storage is told of at start', () => {
    expect(cluster().gateway.output()).toMatch(/"storages":\["files\/basic"\].*server\.maxFileSize/)
  })
})

it('a download of any size is sent when there is no limit', async () => {
  const { config } = await setUp()
  await using part = await startPart('serve', { ...config, server: {} })
  expect((await get(`${part.url}/media/large.jpg`)).status).toBe(200)
})
