import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { Client } from 'minio'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { startRedis } from '../servers/redis.ts'
import { startS3Server } from '../servers/s3.ts'
import { until, untilEqual } from '../until.ts'
import { type Answer, get, metric } from './client.ts'
import { keys, sdk } from './s3-site.ts'

type Colour = [red: number, green: number, blue: number]
const red: Colour = [200, 30, 30]
const blue: Colour = [30, 30, 200]

const plain = ([r, g, b]: Colour, width = 120, height = 80) =>
  sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
    .jpeg()
    .toBuffer()

/** The mean of all pixels, to the next multiple of ten, which no encoder moves. */
async function colourOf(bytes: Uint8Array): Promise<Colour> {
  const { channels } = await sharp(bytes).stats()
  return channels.slice(0, 3).map(({ mean }) => Math.round(mean / 10) * 10) as Colour
}

const seen = async ({ status, bytes }: Answer) => (status === 200 ? colourOf(bytes) : status)

const presets = { small: { quality: 75, filters: { thumbnail: { width: 60 } } } }
const path = '^/(?P<presetName>small)/(?P<parent>.+)$'
const byName = (bucket: string, more: object = {}) => ({ path, presets, parentBucket: bucket, ...more })

/** By bucket: its transform, and what its URLs make of an original with that name. */
const buckets: Record<string, { transform: object; targets: (name: string) => string[] }> = {
  query: {
    transform: { kind: 'query' },
    targets: name => [`/query/${name}?width=50`, `/query/${name}?width=40&format=png`, `/thumbs/small/${name}`],
  },
  presets: { transform: byName('presets', { kind: 'presets' }), targets: name => [`/presets/small/${name}`] },
  cloud: {
    transform: { kind: 'cloudinary', path: '^/(?P<transformations>[cw]_[^/]+)/(?P<parent>.+)$', parentBucket: 'cloud' },
    targets: name => [`/cloud/c_fill,w_30,h_30/${name}`, `/cloud/c_fit,w_20/${name}`],
  },
  hash: {
    transform: byName('hash', { kind: 'presets-query', mortKeys: true, resultKey: 'hash' }),
    targets: name => [`/hash/small/${name}`, `/hash/${name}?width=50`],
  },
  'hash-parent': {
    transform: { kind: 'query', mortKeys: true, resultKey: 'hashParent' },
    targets: name => [`/hash-parent/${name}?width=50`],
  },
  together: { transform: { kind: 'query' }, targets: name => [`/together/${name}?width=50`] },
}

/** Two gateways and a worker over one Redis and one MinIO, with caches in memory and in Redis. */
async function start() {
  const stack = new AsyncDisposableStack()
  const [redis, cache] = await Promise.all([startRedis(), startRedis()])
  stack.use(redis)
  stack.use(cache)
  const s3 = await startS3Server()
  stack.defer(() => s3.stop())
  await s3.createBucket('originals')
  await s3.createBucket('made')
  const { accessKey, secretAccessKey, endpoint } = s3
  const storage = (bucket: string, pathPrefix: string) => ({
    kind: 's3',
    region: 'us-east-1',
    endpoint,
    accessKey,
    secretAccessKey,
    bucket,
    pathPrefix,
  })
  const bucketOf = (name: string, transform: object) => {
    const made = name === 'together' ? storage('originals', name) : storage('made', name)
    return { keys: [keys], storages: { basic: storage('originals', name), transform: made }, transform }
  }
  const thumbs = { ...bucketOf('thumbs', byName('query', { kind: 'presets' })) }
  thumbs.storages.basic = storage('originals', 'query')
  const config = {
    server: { cache: { type: 'redis', address: [cache.url] } },
    headers: [{ statusCodes: [200], values: { 'cache-control': 'max-age=600' } }],
    buckets: {
      ...Object.fromEntries(Object.entries(buckets).map(([name, { transform }]) => [name, bucketOf(name, transform)])),
      thumbs,
    },
  }
  const shared = withQueue(config, redis.url)
  const roles = ['gateway', 'gateway', 'worker'] as const
  const parts = await Promise.all(roles.map(async role => stack.use(await startPart(role, shared))))
  const { hostname, port } = new URL(endpoint)
  const minio = new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    accessKey,
    secretKey: secretAccessKey,
  })
  return { stack, parts: parts as [Part, Part, Part], minio }
}

describe('an original that changes', () => {
  let site: Awaited<ReturnType<typeof start>>
  let one: Part
  let two: Part
  let worker: Part
  beforeAll(async () => {
    site = await start()
    ;[one, two, worker] = site.parts
  })
  afterAll(() => site?.stack.disposeAsync())

  const put = async ({ url }: Part, Bucket: string, Key: string, Body: Uint8Array) => {
    await sdk(url).send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'image/jpeg' }))
  }
  const settled = () => untilEqual('jobs in hand', () => metric(worker, 'mortise_jobs_in_hand'), 0)
  /** Every object in which the name is found, traces and what is below the reserved prefix too. */
  async function stored(bucket: string): Promise<string[]> {
    const listed: { name?: string }[] = await site.minio.listObjectsV2('made', `${bucket}/`, true).toArray()
    return listed.flatMap(({ name }) => name ?? [])
  }
  async function bytesOf(name: string): Promise<Uint8Array> {
    return Buffer.concat(await (await site.minio.getObject('made', name)).toArray())
  }

  it.each(Object.entries(buckets))('is seen by everybody when it is answered: %s', async (bucket, { targets }) => {
    const urls = targets('cat.jpg').flatMap(target => [one, two].map(({ url }) => url + target))
    await put(one, bucket, 'cat.jpg', await plain(red))
    // Twice, so that it has been stored and is answered from every cache.
    for (const _ of [1, 2]) {
      for (const url of urls) expect(await seen(await get(url)), url).toEqual(red)
      await settled()
    }
    await put(one, bucket, 'cat.jpg', await plain(blue))
    for (const url of urls.toReversed()) expect(await seen(await get(url)), url).toEqual(blue)
    await settled()
    for (const name of (await stored(bucket)).filter(name => !name.includes('.mortise'))) {
      expect(await colourOf(await bytesOf(name)), name).toEqual(blue)
    }

    await sdk(two.url).send(new DeleteObjectCommand({ Bucket: bucket, Key: 'cat.jpg' }))
    for (const url of urls) expect((await get(url)).status, url).toBe(404)
    expect(await stored(bucket)).toEqual([])
    expect(await stored('thumbs')).toEqual([])
  })

  it('is never seen as it was, in a hundred rounds', async () => {
    const gateways = [one, two]
    for (let round = 0; round < 100; round++) {
      const colour: Colour = [(round % 10) * 20, Math.floor(round / 10) * 20, 120]
      const [writer, reader] = round % 2 === 0 ? [one, two] : [two, one]
      await put(writer, 'query', 'round.jpg', await plain(colour))
      const targets = ['/query/round.jpg?width=30', '/thumbs/small/round.jpg', '/query/round.jpg']
      const answers = await Promise.all(
        targets.flatMap(target => [reader, ...gateways].map(({ url }) => get(url + target).then(seen))),
      )
      expect(new Set(answers.map(String)), `round ${round}`).toEqual(new Set([String(colour)]))
    }
  })

  it('while a derivative of the old one is made is not followed by that', async () => {
    const target = '/presets/small/slow.jpg'
    await put(one, 'presets', 'slow.jpg', await plain(red, 9000, 9000))
    const late = get(two.url + target)
    await until('the job to be in hand', async () => (await metric(worker, 'mortise_jobs_in_hand')) > 0)
    await put(one, 'presets', 'slow.jpg', await plain(blue))
    expect(await seen(await get(one.url + target))).toEqual(blue)
    await late
    await settled()
    for (const { url } of [one, two]) expect(await seen(await get(url + target))).toEqual(blue)
    expect(await colourOf(await bytesOf('presets/small/slow.jpg'))).toEqual(blue)
  })

  it('takes with it only what was made of it', async () => {
    await put(one, 'query', 'trip/a.jpg', await plain(red))
    await put(one, 'query', 'trip/b.jpg', await plain(red))
    for (const name of ['a', 'b']) await get(`${one.url}/query/trip/${name}.jpg?width=50`)
    await settled()
    await put(two, 'query', 'trip/a.jpg', await plain(blue))
    expect((await stored('query')).filter(name => name.includes('trip-'))).toEqual([
      expect.stringMatching(/^query\/trip-b\.jpg\/[0-9a-f]{32}$/),
    ])
  })
})
