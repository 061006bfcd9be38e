import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { testStorage } from './conformance.ts'
import { createMemoryStorage } from './memory.ts'

const never = new AbortController().signal

testStorage('memory', async () => {
  const storage = createMemoryStorage({ maxBytes: 16 * 1024 * 1024 })
  return { storage, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() }
})

it('takes no more than it may hold, arriving bodies included, and has room again after a delete', async () => {
  const storage = createMemoryStorage({ maxBytes: 10_000 })
  const put = (key: string, size: number) =>
    storage.put({ bucket: 'photos', key }, { body: Buffer.alloc(size), size }, never)
  const full = { code: 'storage_unavailable' }
  await put('/a', 6_000)
  await expect(put('/b', 6_000)).rejects.toMatchObject(full)
  await storage.delete({ bucket: 'photos', key: '/a' }, never)
  const controller = new AbortController()
  const body = new Readable({ read() {} })
  const arriving = storage.put({ bucket: 'photos', key: '/a' }, { body, size: 6_000 }, controller.signal)
  await expect(put('/b', 6_000)).rejects.toMatchObject(full)
  controller.abort()
  await expect(arriving).rejects.toBe(controller.signal.reason)
  expect((await put('/b', 6_000)).size).toBe(6_000)
})
