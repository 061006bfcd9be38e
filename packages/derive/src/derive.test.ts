import type { Plan } from '@mortise/plan'
import { createMemoryStorage } from '@mortise/storage/memory'
import { describe, expect, it, vi } from 'vitest'
import { type BenchOptions, createBench, textOf } from './harness.ts'

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
    const facts = { contentType: 'image/jpeg', etag: 'digest', lastModified: expect.any(Number), width: 3, height: 2 }
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
    expect(second).toEqual({ derived: first.derived, bytes: null })
    expect(images.renders).toBe(1)
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
