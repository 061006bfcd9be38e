import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { createNoopStorage } from './noop.ts'

const never = new AbortController().signal
const cat = { bucket: 'photos', key: '/trip/cat.jpg' }

it('takes every object to its end and finds none', async () => {
  const storage = createNoopStorage()
  const body = Readable.from([Buffer.alloc(5_000), Buffer.alloc(1)])
  expect(await storage.put(cat, { body, size: 5_001 }, never)).toMatchObject({ size: 5_001, contentType: 'image/jpeg' })
  expect(body.readableEnded).toBe(true)
  expect(await storage.get(cat, { signal: never })).toBeNull()
  expect(await storage.head(cat, never)).toBeNull()
  await storage.delete(cat, never)
  await storage.ping(never)
})

it('refuses what every storage refuses', async () => {
  const storage = createNoopStorage()
  const climbing = { bucket: 'photos', key: '/../cat.jpg' }
  await expect(storage.get(climbing, { signal: never })).rejects.toMatchObject({ code: 'invalid_request' })
  await expect(storage.put(cat, { body: Buffer.alloc(1), size: 2 }, never)).rejects.toMatchObject({
    code: 'invalid_request',
  })
})
