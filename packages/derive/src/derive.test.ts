import { MortiseError } from '@mortise/errors'
import type { Plan } from '@mortise/plan'
import { createMemoryStorage } from '@mortise/storage/memory'
import { createNoopStorage } from '@mortise/storage/noop'
import { describe, expect, it, vi } from 'vitest'
import type { Overlays } from './derive.ts'
import { type BenchOptions, createBench, hang, textOf } from './harness.ts'

const original = { storage: 'photos/basic', bucket: 'photos', key: '/cat.jpg' }
const derivative = { storage: 'photos/transform', bucket: 'photos', key: '/cat.jpg/small' }
const output: Plan['output'] = { format: 'original', quality: null, progressive: false, metadata: 'strip' }
const plan: Plan = { id: 'a'.repeat(32), original, passes: [[{ op: 'grayscale' }]], output, derivative }

const start = (options?: BenchOptions) => createBench(() => createMemoryStorage({ maxBytes: 100_000 }), options)
const alone = { signal: new AbortController().signal, onRendered() {} }
const unavailable = { code: 'storage_unavailable' }

describe('derive', () => {
  it('reads the original, renders it and stores the result', async () => {
    const { derive, storages } = await start()
    const { derived, bytes } = await derive(plan, alone)
    expect(bytes && textOf(bytes)).toBe('rendered from a picture')
    const facts = {
      contentType: 'image/jpeg',
      etag: 'digest',
      original: expect.any(String),
      lastModified: expect.any(Number),
      width: 3,
      height: 2,
    }
    expect(derived).toEqual({ size: 'rendered from a picture'.length, ...facts })
    expect(await storages.read(derivative)).toBe('rendered from a picture')
  })

  it('tells of the bytes once, before they are stored', async () => {
    const { derive, storages } = await start()
    const stored: Promise<string | null>[] = []
    await derive(plan, { ...alone, onRendered: () => stored.push(storages.read(derivative)) })
    expect(await Promise.all(stored)).toEqual([null])
  })

  it('does not render what is there already, and says the same of it', async () => {
    const { derive, images } = await start()
    const first = await derive(plan, alone)
    const second = await derive(plan, { ...alone, onRendered: () => expect.unreachable('it was there') })
    expect(second).toEqual({ derived: first.derived, bytes: null, stored: true })
    expect(images.renders).toBe(1)
  })

  it('says that the bytes are all there is where the storage keeps nothing', async () => {
    const places = [createMemoryStorage({ maxBytes: 100_000 }), createNoopStorage()]
    const { derive, images } = await createBench(() => places.shift() ?? createNoopStorage())
    for (let i = 0; i < 2; i++) {
      expect(await derive(plan, alone)).toMatchObject({ bytes: expect.any(Uint8Array), stored: false })
    }
    expect(images.renders).toBe(2)
  })

  it('renders again when the original has changed', async () => {
    const { derive, storages } = await start()
    await derive(plan, alone)
    await storages.write(original, 'another picture', 'image/jpeg')
    await derive(plan, alone)
    expect(await storages.read(derivative)).toBe('rendered from another picture')
  })

  it('renders again when another plan has stored under the same key', async () => {
    const { derive, images } = await start()
    await derive(plan, alone)
    await derive({ ...plan, id: 'b'.repeat(32) }, alone)
    expect(images.renders).toBe(2)
  })

  it.each([
    ['a part of the derivative', 'rendered from'],
    ['an empty object', ''],
  ])('renders again when only %s is stored', async (_, left) => {
    const { derive, storages } = await start()
    await derive(plan, alone)
    await storages.tear(derivative, left)
    const { bytes } = await derive(plan, alone)
    expect(bytes && textOf(bytes)).toBe('rendered from a picture')
    expect(await storages.read(derivative)).toBe('rendered from a picture')
  })

  it('stores without waiting for a disk', async () => {
    const { derive, storages } = await start()
    await derive(plan, alone)
    expect(storages.puts.map(({ sync }) => sync)).toEqual([false])
  })

  it.each([
    ['there is no original', { key: '/absent.jpg' }, 'no_such_object'],
    ['the original does not call itself an image', { key: '/notes.txt' }, 'no_such_object'],
    ['the original has more bytes than allowed', { key: '/large.jpg' }, 'too_large'],
    ['its storage is not configured', { storage: 'photos/other' }, 'storage_unavailable'],
  ])('refuses when %s, and renders nothing', async (_, part, code) => {
    const { derive, images } = await start()
    const refused = derive({ ...plan, original: { ...original, ...part } }, alone)
    await expect(refused).rejects.toMatchObject({ code })
    expect(images.renders).toBe(0)
  })

  it('answers with a derivative that would take the place of its original, and does not store it', async () => {
    const { derive, storages } = await start()
    const told: string[] = []
    const refused = derive(
      { ...plan, derivative: { ...derivative, key: original.key } },
      { ...alone, onRendered: (_, bytes) => told.push(textOf(bytes)) },
    )
    await expect(refused).rejects.toMatchObject({ code: 'invalid_config' })
    expect(told).toEqual(['rendered from a picture'])
    expect(storages.puts).toEqual([])
  })

  it('hides no bug of a storage behind a derivative that cannot be looked for', async () => {
    const { derive } = await createBench(() => {
      const storage = createMemoryStorage({ maxBytes: 100_000 })
      return { ...storage, head: () => Promise.reject(new TypeError('a bug')) }
    })
    await expect(derive(plan, alone)).rejects.toThrow(TypeError)
  })

  it('renders when the storage of derivatives says that it cannot be asked', async () => {
    const { derive, images } = await createBench(() => {
      const storage = createMemoryStorage({ maxBytes: 100_000 })
      return { ...storage, head: () => Promise.reject(new MortiseError('storage_unavailable', 'away')) }
    })
    await derive(plan, alone)
    expect(images.renders).toBe(1)
  })

  it('has never more originals in memory than allowed, however many are asked for', async () => {
    const { derive, images } = await start({ originals: 3 })
    const keys = Array.from({ length: 20 }, (_, i) => `/${i}`)
    await Promise.all(keys.map(key => derive({ ...plan, derivative: { ...derivative, key } }, alone)))
    expect(images).toMatchObject({ renders: 20, mostRunning: 3 })
  })

  it('makes room when a render fails', async () => {
    const { derive, images } = await start({ originals: 1 })
    images.failWith = new Error('no picture')
    await expect(derive(plan, alone)).rejects.toThrow('no picture')
    images.failWith = null
    await expect(derive(plan, alone)).resolves.toBeDefined()
  })
})

describe('derive, with images to lay over the original', () => {
  const mark = { op: 'watermark', image: 'https://example.com/mark.png', column: 0, row: 0, opacity: 1 } as const
  const marked: Plan = { ...plan, passes: [[mark]] }
  const overlaysThat = (collect: Overlays['collect']): Overlays => ({ collect, async [Symbol.asyncDispose]() {} })
  const failing = overlaysThat(async () => {
    throw new MortiseError('invalid_request', 'watermark: status 404')
  })

  it('hands them to the render by their names', async () => {
    const overlays = overlaysThat(async passes => new Map([[JSON.stringify(passes), Buffer.from('a mark')]]))
    const { derive } = await start({ overlays })
    const { bytes } = await derive(marked, alone)
    expect(bytes && textOf(bytes)).toBe('rendered from a picture below a mark')
  })

  it('refuses when one cannot be had, and renders nothing', async () => {
    const { derive, images } = await start({ overlays: failing })
    await expect(derive(marked, alone)).rejects.toMatchObject({ message: 'watermark: status 404' })
    expect(images.renders).toBe(0)
  })

  it('says of an original that is not there before it says of them', async () => {
    const { derive } = await start({ overlays: failing })
    const refused = derive({ ...marked, original: { ...original, key: '/absent.jpg' } }, alone)
    await expect(refused).rejects.toMatchObject({ code: 'no_such_object' })
  })

  it.each([
    ['there is no original', { ...marked, original: { ...original, key: '/absent.jpg' } }],
    ['the derivative is there', marked],
  ])('does not wait for them when %s', async (_, of) => {
    const ended: string[] = []
    let calls = 0
    const overlays = overlaysThat(async (_, signal) => {
      if (calls++ === 0) return new Map()
      signal.addEventListener('abort', () => ended.push('fetch'), { once: true })
      return hang(signal)
    })
    const { derive } = await start({ overlays })
    await derive(marked, alone)
    await Promise.allSettled([derive(of, alone)])
    expect(ended).toEqual(['fetch'])
  })
})

describe('derive, of an original that cannot be decoded', () => {
  const broken = () => new MortiseError('undecodable', 'no picture')
  const other = { ...plan, id: 'b'.repeat(32) }

  it('does not try again for a minute, whatever is asked for, and says the same', async () => {
    let time = 1
    const { derive, images } = await start({ now: () => time })
    images.failWith = broken()
    for (const one of [plan, other, plan]) {
      await expect(derive(one, alone)).rejects.toMatchObject({ code: 'undecodable', message: 'no picture' })
    }
    expect(images.renders).toBe(1)
    time += 60_001
    await expect(derive(plan, alone)).rejects.toMatchObject({ code: 'undecodable' })
    expect(images.renders).toBe(2)
  })

  it('tries again when it has changed', async () => {
    const { derive, images, storages } = await start()
    images.failWith = broken()
    await expect(derive(plan, alone)).rejects.toMatchObject({ code: 'undecodable' })
    images.failWith = null
    await storages.write(original, 'another picture', 'image/jpeg')
    await expect(derive(plan, alone)).resolves.toBeDefined()
  })

  it('tries again when it may have been what was laid over it', async () => {
    const overlays = { collect: async () => new Map([['a mark', Buffer.from('x')]]), async [Symbol.asyncDispose]() {} }
    const { derive, images } = await start({ overlays })
    images.failWith = broken()
    await expect(derive(plan, alone)).rejects.toMatchObject({ code: 'undecodable' })
    images.failWith = null
    await expect(derive(other, alone)).resolves.toBeDefined()
  })

  it('tries again after a failure that another plan need not have', async () => {
    const { derive, images } = await start()
    images.failWith = new MortiseError('limit_exceeded', 'too wide')
    await expect(derive(plan, alone)).rejects.toMatchObject({ code: 'limit_exceeded' })
    images.failWith = null
    await expect(derive(other, alone)).resolves.toBeDefined()
  })
})

describe('derive, with storages that do not answer', () => {
  it('gives up on the original after the time limit', async () => {
    const { derive } = await start({ silent: { 'photos/basic': ['get'] }, storageTimeout: 5 })
    await expect(derive(plan, alone)).rejects.toMatchObject(unavailable)
  })

  it.each([
    ['reads', { 'photos/basic': ['get'] }],
    ['stores', { 'photos/transform': ['put'] }],
  ] as const)('ends while it %s when nobody waits any more', async (_, silent) => {
    const { derive } = await start({ silent })
    const waiter = new AbortController()
    const given = derive(plan, { ...alone, signal: waiter.signal })
    waiter.abort('gone')
    await expect(given).rejects.toBe('gone')
  })

  it('renders when it cannot be known whether the derivative is there', async () => {
    const { derive } = await start({ silent: { 'photos/transform': ['head'] } })
    const { bytes } = await derive(plan, alone)
    expect(bytes && textOf(bytes)).toBe('rendered from a picture')
  })

  it('has told of the bytes when it gives up on storing them', async () => {
    const { derive } = await start({ silent: { 'photos/transform': ['put'] }, storageTimeout: 5 })
    const told: string[] = []
    const given = derive(plan, { ...alone, onRendered: (_, bytes) => told.push(textOf(bytes)) })
    await expect(given).rejects.toMatchObject(unavailable)
    expect(told).toEqual(['rendered from a picture'])
  })

  it.each([
    ['reads', { 'slow/basic': ['get'] }],
    ['writes', { 'slow/transform': ['put'] }],
  ] as const)('serves the others while the %s of one hang, however many come for it', async (_, silent) => {
    const { derive, storages } = await start({ silent, originals: 4 })
    const slow = { ...original, storage: 'slow/basic' }
    await storages.write(slow, 'a picture', 'image/jpeg')
    const waiter = new AbortController()
    const hanging = Array.from({ length: 12 }, (_, i) => {
      const at = { ...derivative, storage: 'slow/transform', key: `/${i}` }
      return derive({ ...plan, original: slow, derivative: at }, { ...alone, signal: waiter.signal })
    })
    const refused = new Set<number>()
    for (const [i, ended] of hanging.entries()) {
      ended.catch(error => error.code === 'storage_unavailable' && refused.add(i))
    }
    await derive(plan, alone)
    expect(await storages.read(derivative)).toBe('rendered from a picture')
    // Half of the slots may go on waiting; whatever is beyond them would hold what others need.
    await vi.waitFor(() => expect(refused.size).toBe(10), 4_000)
    waiter.abort('enough')
    await Promise.allSettled(hanging)
    expect(refused.size).toBe(10)
  })
})
