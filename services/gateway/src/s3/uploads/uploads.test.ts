import { Readable } from 'node:stream'
import type { BucketConfig } from '@mortise/config'
import { createMemoryStorage } from '@mortise/storage/memory'
import { expect, it } from 'vitest'
import { createUploads, type Uploads } from './uploads.ts'

const { signal } = new AbortController()
const dayMs = 24 * 3600_000
const record = { key: '/a.jpg', facts: { contentType: 'image/jpeg', metadata: { a: 'b' } }, initiator: 'acc' }

function setUp({ putDelay }: { putDelay?: () => Promise<void> } = {}) {
  const memory = createMemoryStorage({ maxBytes: 1e6 })
  const clock = { now: Date.parse('2026-01-01') }
  const storage = {
    ...memory,
    async put(...args: Parameters<typeof memory.put>) {
      const info = await memory.put(...args)
      if (args[0].key.includes('/parts/')) await putDelay?.()
      return info
    },
  }
  const uploads = createUploads({
    buckets: { media: { name: 'media', keys: [{}] } as BucketConfig },
    storage: () => storage,
    maxAgeDays: 7,
    log: { warn: () => {} },
    now: () => clock.now,
  })
  const keys = async () => {
    const page = await memory.list!('media', { prefix: '/.mortise/', limit: 1000, signal })
    return page.objects.map(({ key }) => key)
  }
  const body = (text: string) => {
    const size = Buffer.byteLength(text)
    return { source: Readable.from([Buffer.from(text)]), check: { size }, size }
  }
  const begin = async () => (await uploads.find('media', await uploads.create('media', record, signal), signal))!
  return { memory, clock, uploads, keys, body, begin }
}

it('finds what was begun, and joins its parts in the order that is asked for', async () => {
  const { uploads, body, begin } = setUp()
  const upload = await begin()
  expect(upload).toMatchObject(record)
  for (const [number, text] of [
    [2, 'two'],
    [1, 'old'],
    [1, 'one'],
  ] as const) {
    await uploads.addPart(upload, number, body(text), signal)
  }
  const parts = await uploads.parts(upload, signal)
  expect([...parts.keys()]).toEqual([1, 2])
  const chunks = await uploads
    .joined(upload, [parts.get(2)![0]!, parts.get(1)!.find(({ md5 }) => md5.startsWith('f97c'))!], signal)
    .toArray()
  expect(Buffer.concat(chunks).toString()).toBe('twoone')
})

it('keeps both of two parts with one number, the later one last', async () => {
  const { uploads, clock, body, begin } = setUp()
  const upload = await begin()
  const old = await uploads.addPart(upload, 1, body('old'), signal)
  clock.now += 1
  const { part } = await uploads.addPart(upload, 1, body('new'), signal)
  expect((await uploads.parts(upload, signal)).get(1)).toEqual([old.part, part])
})

it('keeps nothing of a part that breaks off', async () => {
  const { uploads, keys, begin } = setUp()
  const upload = await begin()
  const before = await keys()
  const source = Readable.from([Buffer.from('on')])
  await expect(uploads.addPart(upload, 1, { source, check: { size: 3 }, size: 3 }, signal)).rejects.toMatchObject({
    s3Code: 'IncompleteBody',
  })
  expect(await keys()).toEqual(before)
})

it('removes an upload with all that it holds', async () => {
  const { uploads, keys, body, begin } = setUp()
  const upload = await begin()
  await uploads.addPart(upload, 1, body('one'), signal)
  await uploads.remove(upload, signal)
  expect(await uploads.find('media', upload.id, signal)).toBeNull()
  await expect.poll(keys).toEqual([])
  await uploads[Symbol.asyncDispose]()
})

it('keeps nothing of a part whose upload went meanwhile', async () => {
  const gate = Promise.withResolvers<void>()
  const { uploads, keys, body, begin } = setUp({ putDelay: () => gate.promise })
  const upload = await begin()
  const adding = uploads.addPart(upload, 1, body('one'), signal)
  await expect.poll(async () => (await keys()).length).toBe(3)
  await uploads.remove(upload, signal)
  gate.resolve()
  await expect(adding).rejects.toMatchObject({ s3Code: 'NoSuchUpload' })
  await expect.poll(keys).toEqual([])
})

it('gives up what is too old, and nothing else', async () => {
  const { uploads, clock, keys, body, begin } = setUp()
  const old = await begin()
  await uploads.addPart(old, 1, body('one'), signal)
  clock.now += 6 * dayMs
  const young = await begin()
  await uploads.sweep()
  expect(await idsOf(uploads)).toEqual([old.id, young.id])
  clock.now += 2 * dayMs
  await uploads.sweep()
  expect(await idsOf(uploads)).toEqual([young.id])
  expect(await keys()).toEqual([`/.mortise/uploads/${young.id}/record`])
})

it.each(['', 'x', '../../etc', '0'.repeat(41).replace(/.$/, '/')])('knows no upload %j', async id => {
  expect(await setUp().uploads.find('media', id, signal)).toBeNull()
})

async function idsOf(uploads: Uploads): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of uploads.each('media', signal)) ids.push(id)
  return ids
}
