import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { UploadApiOptions } from 'cloudinary'
import sharp from 'sharp'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { type Mode, type Part, startCluster, startPart, withQueue } from '../cluster.ts'
import { runCommand } from '../command.ts'
import { photo } from '../fixtures/images.ts'
import { signsOfACrash } from '../observe.ts'
import { startPictures } from '../servers/pictures.ts'
import { type RedisServer, startRedis } from '../servers/redis.ts'
import { until, untilEqual } from '../until.ts'
import { derivative, get, metric, pictureOf, send } from './client.ts'
import { keys, minio, sdk } from './s3-site.ts'
import { createSite, type Store } from './site.ts'

// Which protocol it speaks, the library decides when it is loaded.
process.env.CLOUDINARY_URL = 'cloudinary://any:thing@cloud?upload_prefix=http://127.0.0.1'
const { v2: library } = await import('cloudinary')

const site = await createSite({})
const plain = (background: string, width = 120, height = 80) =>
  sharp({ create: { width, height, channels: 3, background } })
    .jpeg()
    .toBuffer()
const [red, blue] = await Promise.all(['rgb(200, 30, 30)', 'rgb(30, 30, 200)'].map(colour => plain(colour)))
const mark = await sharp({ create: { width: 10, height: 10, channels: 4, background: '#fff8' } })
  .png()
  .toBuffer()

const torn = (await photo(400, 300)).subarray(0, 2_000)

/** Requests for a mark that have not been answered: batches that have read their original stand still there. */
const held: (() => void)[] = []
const web = await startPictures({
  '/mark.png': response => response.end(mark),
  '/held.png': response => void held.push(() => response.end(mark)),
})
afterAll(() => web[Symbol.asyncDispose]())
const release = () => {
  for (const answer of held.splice(0)) answer()
}

const presetsOf = (image: string) => ({
  small: { filters: { thumbnail: { width: 40 } } },
  marked: { filters: { thumbnail: { width: 60 }, watermark: { image, position: 'top-left', opacity: 1 } } },
})

type Given = { image?: string; formats?: string[]; presets?: string[]; server?: object }

/** `cloud` takes what comes as Cloudinary has it, and `thumbs` shows it. */
async function configure({ image = `${web.url}/mark.png`, formats = [], presets, server = {} }: Given = {}) {
  const [store, originals] = await Promise.all([site.emptyStore(), site.emptyStore()])
  const storages = { ...store.storages(), basic: originals.storages().transform }
  const byName = (parentBucket: string) => ({
    kind: 'presets',
    path: '^/(?P<presetName>small|marked)/(?P<parent>.+)$',
    presets: presetsOf(image),
    parentBucket,
  })
  const pregenerate = { presets: presets ?? ['small', 'marked'], formats }
  const shared = { keys: [keys], storages }
  const transform = { kind: 'cloudinary', path: '^/(?P<transformations>[a-z]_[^/]+)/(?P<parent>.+)$' }
  const config = {
    server: { plugins: { webp: null }, ...server },
    security: { fetch: { networks: ['127.0.0.1/32'], timeout: 60 } },
    buckets: {
      media: { ...shared, transform: byName('media'), pregenerate },
      thumbs: { ...shared, transform: byName('cloud'), pregenerate },
      cloud: { ...shared, transform: { ...transform, parentBucket: 'cloud' } },
    },
  }
  return { config, store }
}

const put = ({ url }: { url: string }, Key: string, Body: Uint8Array = red!, more: object = {}) =>
  sdk(url).send(new PutObjectCommand({ Bucket: 'media', Key, Body, ContentType: 'image/jpeg', ...more }))

/** By outcome, as this process counts them. */
async function ahead({ internalUrl }: Part, name = 'mortise_pregenerated_total'): Promise<Record<string, number>> {
  const { text } = await get(`${internalUrl}/metrics`)
  const samples = text.matchAll(new RegExp(`^${name}\\{outcome="(\\w+)"\\} (\\d+)$`, 'gm'))
  return Object.fromEntries([...samples].flatMap(([, outcome, count]) => (count === '0' ? [] : [[outcome, +count!]])))
}

const untilAhead = async (part: Part, counts: Record<string, number>) => {
  const sorted = (them: Record<string, number>) => Object.entries(them).toSorted()
  await untilEqual('what was made ahead', async () => sorted(await ahead(part)), sorted(counts))
}
const untilIdle = (part: Part) =>
  untilEqual('the batches', async () => [await waiting(part), await metric(part, 'mortise_batches_active')], [0, 0])
const waiting = (part: Part) => metric(part, 'mortise_batches_waiting')
const untilHeld = () => until('a batch to stand still', () => held.length > 0)

async function form(url: string, key: string): Promise<void> {
  const client = minio(url)
  const policy = client.newPostPolicy()
  policy.setBucket('media')
  policy.setKey(key)
  policy.setExpires(new Date(Date.now() + 60_000))
  policy.setContentType('image/jpeg')
  const { formData } = await client.presignedPostPolicy(policy)
  const body = new FormData()
  for (const [name, value] of Object.entries(formData)) body.append(name, value)
  body.append('file', new Blob([new Uint8Array(red!)], { type: 'image/jpeg' }))
  expect((await fetch(`${url}/media`, { method: 'POST', body })).status).toBe(204)
}

async function inParts(url: string, Key: string): Promise<void> {
  const client = sdk(url)
  const upload = { Bucket: 'media', Key }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...upload, ContentType: 'image/jpeg' }))
  const { ETag } = await client.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: red }))
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] }
  await client.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload }))
}

async function asCloudinary(url: string, public_id: string): Promise<void> {
  const file = path.join(site.folder, 'cat.jpg')
  await writeFile(file, red!)
  await library.uploader.upload(file, {
    ...{ upload_prefix: `${url}/cloud`, cloud_name: 'cloud', public_id },
    ...{ api_key: keys.accessKey, api_secret: keys.secretAccessKey },
  } as UploadApiOptions)
}

/** By way in: what stores `key`, and in which bucket its derivatives are. */
const ways: Record<string, { bucket: string; store(url: string, key: string): Promise<unknown> }> = {
  'a PUT': { bucket: 'media', store: (url, key) => put({ url }, key) },
  'an upload in parts': { bucket: 'media', store: inParts },
  'a form': { bucket: 'media', store: form },
  "Cloudinary's library": { bucket: 'thumbs', store: asCloudinary },
}

describe.each(['embedded', 'distributed'] as const)('derivatives are made ahead (%s)', mode => {
  it.each(Object.entries(ways))('of what comes by %s', async (_, { bucket, store }) => {
    const { cluster, files } = await start(mode, { formats: ['webp'] })
    await store(cluster.url, 'trip/cat.jpg')
    await untilAhead(cluster.worker, { made: 4 })
    expect(await files()).toHaveLength(4)
    for (const [accept, format] of [['image/webp', 'webp'] as const, ['image/png', 'jpeg'] as const]) {
      const small = await get(`${cluster.url}/${bucket}/small/trip/cat.jpg`, { accept })
      expect(await pictureOf(small)).toEqual(derivative('40x27', format))
      const marked = await get(`${cluster.url}/${bucket}/marked/trip/cat.jpg`, { accept })
      expect(await pictureOf(marked)).toEqual(derivative('60x40', format))
      for (const { bytes, headers } of [small, marked]) {
        const kept = (await files()).filter(file => file.includes(Buffer.from(bytes)))
        expect(kept).toHaveLength(1)
        expect(kept[0]?.includes(headers.get('etag')?.replaceAll('"', '') ?? 'an ETag')).toBe(true)
      }
    }
    expect(await metric(cluster.worker, 'mortise_jobs_total')).toBe(0)
    expect(await metric(cluster.worker, 'mort_generation_time_count')).toBe(0)
  })

  it('of a copy', async () => {
    const { cluster, files } = await start(mode)
    await put(cluster, 'one.jpg')
    await untilAhead(cluster.worker, { made: 2 })
    const copy = { Bucket: 'media', Key: 'two.jpg', CopySource: 'media/one.jpg' }
    await sdk(cluster.url).send(new CopyObjectCommand(copy))
    await untilAhead(cluster.worker, { made: 4 })
    expect(await files()).toHaveLength(4)
    expect((await get(`${cluster.url}/media/small/two.jpg`)).status).toBe(200)
    expect(await metric(cluster.worker, 'mortise_jobs_total')).toBe(0)
  })

  it('anew of what is written again, and once when it is only looked at', async () => {
    const { cluster } = await start(mode)
    await put(cluster, 'cat.jpg')
    await untilAhead(cluster.worker, { made: 2 })
    await put(cluster, 'cat.jpg')
    await untilAhead(cluster.worker, { made: 4 })
    const body = JSON.stringify({ bucket: 'media' })
    const headers = { 'content-type': 'application/json' }
    expect((await send(`${cluster.gateway.internalUrl}/jobs`, { method: 'POST', headers, body })).status).toBe(202)
    await untilAhead(cluster.worker, { made: 4, skipped: 2 })
  })

  it('twice of an original that is written ten times at once, the last time of the last', async () => {
    const { cluster, files } = await start(mode, { image: `${web.url}/held.png` })
    await put(cluster, 'cat.jpg')
    await untilHeld()
    for (let nth = 0; nth < 9; nth++) await put(cluster, 'cat.jpg', nth === 8 ? blue : red)
    // It waits for the one that stands still.
    await untilEqual('the batches that wait', () => waiting(cluster.gateway), 1)
    release()
    await untilAhead(cluster.worker, { dropped: 1, made: 2 })
    await untilIdle(cluster.gateway)
    expect(await files()).toHaveLength(2)
    for (const preset of ['small', 'marked']) {
      const { bytes } = await get(`${cluster.url}/media/${preset}/cat.jpg`)
      expect(await isBlue(bytes)).toBe(true)
      expect((await files()).filter(file => file.includes(Buffer.from(bytes)))).toHaveLength(1)
    }
    expect(await metric(cluster.worker, 'mortise_jobs_total')).toBe(0)
  })

  it('not of an original that was deleted meanwhile', async () => {
    const { cluster, files } = await start(mode, { image: `${web.url}/held.png` })
    await put(cluster, 'cat.jpg')
    await untilHeld()
    await sdk(cluster.url).send(new DeleteObjectCommand({ Bucket: 'media', Key: 'cat.jpg' }))
    release()
    await untilAhead(cluster.worker, { dropped: 1 })
    await untilIdle(cluster.gateway)
    expect(await files()).toEqual([])
    expect((await get(`${cluster.url}/media/small/cat.jpg`)).status).toBe(404)
  })

  it('not of what is no picture, and of a torn one not either, which is told', async () => {
    const { cluster, files } = await start(mode)
    await put(cluster, 'notes.txt', Buffer.from('no picture'), { ContentType: 'text/plain' })
    await untilAhead(cluster.worker, { skipped: 2 })
    await put(cluster, 'text.jpg', Buffer.from('no picture'))
    await untilAhead(cluster.worker, { skipped: 2, failed: 2 })
    await put(cluster, 'torn.jpg', torn)
    await untilAhead(cluster.worker, { skipped: 2, failed: 4 })
    const told = [...cluster.worker.output().matchAll(/^.*"key":"([^"]+)".*not made ahead of time.*$/gm)]
    expect(told.map(([, key]) => key)).toEqual(['/text.jpg', '/text.jpg', '/torn.jpg', '/torn.jpg'])
    expect(await files()).toEqual([])
    await put(cluster, 'fine.jpg')
    await untilAhead(cluster.worker, { skipped: 2, failed: 4, made: 2 })
    for (const part of [cluster.gateway, cluster.worker]) expect(part.output()).not.toMatch(signsOfACrash)
  })
})

describe('what is to be made ahead', () => {
  it('is made by another worker when one is killed meanwhile', async () => {
    await using redis = await startRedis()
    const { gateway, config, files } = await startGateway(redis, { image: `${web.url}/held.png` })
    await using killed = await startPart('worker', config)
    await put(gateway, 'cat.jpg')
    await untilHeld()
    killed.kill('SIGKILL')
    await killed.ended
    held.splice(0)
    await using worker = await startPart('worker', config)
    await untilHeld()
    release()
    await untilAhead(worker, { made: 2 })
    await untilIdle(gateway)
    expect(await files()).toHaveLength(2)
  })

  it('is still known to Redis after a restart', async () => {
    await using redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const { gateway, config, files } = await startGateway(redis)
    for (const name of ['a', 'b', 'c']) await put(gateway, `${name}.jpg`)
    await redis.restart()
    await untilEqual('the batches that wait', () => waiting(gateway), 3)
    await using worker = await startPart('worker', config)
    await untilAhead(worker, { made: 6 })
    await untilIdle(gateway)
    expect(await files()).toHaveLength(6)
  })

  it('is not queued when too much waits, and the object is stored all the same', async () => {
    await using redis = await startRedis()
    const { gateway } = await startGateway(redis, {}, { maxBackground: 2 })
    for (const name of ['a', 'b', 'c']) await put(gateway, `${name}.jpg`)
    expect(await ahead(gateway, 'mortise_batches_total')).toEqual({ queued: 2, overloaded: 1 })
    expect((await get(`${gateway.url}/media/c.jpg`)).status).toBe(200)
    await put(gateway, 'a.jpg')
    expect(await ahead(gateway, 'mortise_batches_total')).toEqual({ queued: 3, overloaded: 1 })
  })

  it('is not queued while Redis is away, and the object is stored all the same', async () => {
    await using redis = await startRedis()
    const { gateway, config, files } = await startGateway(redis)
    await put(gateway, 'a.jpg')
    await redis.kill('SIGKILL')
    await put(gateway, 'b.jpg')
    expect((await get(`${gateway.url}/media/b.jpg`)).status).toBe(200)
    expect(await ahead(gateway, 'mortise_batches_total')).toEqual({ queued: 1, queue_unavailable: 1 })
    await redis.restart()
    await using worker = await startPart('worker', config)
    // As soon as it is connected again.
    await until('a batch to be queued', async () => {
      await put(gateway, 'c.jpg')
      return (await ahead(gateway, 'mortise_batches_total')).queued === 2
    })
    await until('it to be made', async () => (await ahead(worker)).made === 2)
    await untilIdle(gateway)
    expect(await files()).toHaveLength(2)
  })

  it('is of presets that there are, or the configuration is refused', async () => {
    const { config } = await configure({ presets: ['small', 'huge'] })
    const file = path.join(site.folder, 'unknown.yml')
    await writeFile(file, stringify(config))
    const { code, stderr } = await runCommand('serve', '--config', file)
    expect([code, stderr]).toEqual([1, expect.stringContaining('buckets.media.pregenerate.presets[1]')])
    expect(stderr).toContain('expected the name of a preset of this bucket, found "huge"')
  })
})

async function start(mode: Mode, given: Given = {}) {
  held.splice(0)
  const { config, store } = await configure(given)
  const cluster = await startCluster(mode, config)
  onTestFinished(async () => {
    release()
    await cluster[Symbol.asyncDispose]()
  })
  return { cluster, files: () => contents(store) }
}

async function startGateway(redis: RedisServer, given: Given = {}, queue: object = {}) {
  held.splice(0)
  const { config: own, store } = await configure(given)
  const config = withQueue(own, redis.url, { lockDuration: 1_000, stalledInterval: 300, ...queue })
  const gateway = await startPart('gateway', config)
  onTestFinished(() => gateway.stop())
  return { gateway, config, files: () => contents(store) }
}

async function contents(store: Store): Promise<Buffer[]> {
  return Promise.all((await store.files()).map(name => readFile(name)))
}

async function isBlue(bytes: Uint8Array): Promise<boolean> {
  const [red, , blue] = (await sharp(bytes).stats()).channels
  return (blue?.mean ?? 0) > (red?.mean ?? 0)
}
