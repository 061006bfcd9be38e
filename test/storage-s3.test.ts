import { randomUUID } from 'node:crypto'
import { type Lacks, testStorage } from '@mortise/storage/conformance'
import { createS3Storage } from '@mortise/storage/s3'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { findMoto, startMoto } from './servers/moto.ts'
import { findMinio, type S3Server, startMinio, startS3rver } from './servers/s3.ts'

const never = new AbortController().signal
const minio = await findMinio()

// Of several conditional puts at the same time it now and then lets two through; it keeps files, and so no `//`.
if (minio) testServer('minio', () => startMinio(minio), { conditions: true, repeatedSlashes: true })

// It writes over the old object in place, takes a body that breaks off for a short one, and reads every range as two
// numbers. It lists in the order of its folders, and knows no conditions on writing, and no bucket in a URL with `//`.
testServer('s3rver', startS3rver, {
  ...{ atomicPut: true, exactRanges: true, listing: true, conditions: true },
  repeatedSlashes: 'confused',
})

const moto = await findMoto()
describe.skipIf(!moto)('moto', () => {
  it('lists what is in an archive like everything else', async () => {
    const server = await startMoto(moto!)
    onTestFinished(() => server.stop())
    await server.createContainer('photos')
    await server.put('photos', 'trip/cold.jpg', Buffer.from('cold'), 'GLACIER')
    await server.put('photos', 'trip/warm.jpg', Buffer.from('warmer'), 'STANDARD')
    await using storage = createS3Storage(server.storage)
    const { objects } = await storage.list!('photos', { prefix: '/trip/', limit: 10, signal: never })
    expect(objects.map(({ key, info }) => [key, info.size])).toEqual([
      ['/trip/cold.jpg', 4],
      ['/trip/warm.jpg', 6],
    ])
    const archived = { code: 'archived', storageClass: 'GLACIER' }
    await expect(storage.get({ bucket: 'photos', key: '/trip/cold.jpg' }, { signal: never })).rejects.toMatchObject(
      archived,
    )
  })
})

function testServer(name: string, start: () => Promise<S3Server>, lacks: Lacks = {}): void {
  describe(name, () => {
    let server: S3Server
    const open = (options = {}) => createS3Storage({ ...server, pathPrefix: randomUUID().slice(0, 8), ...options })
    beforeAll(async () => {
      server = await start()
      await server.createBucket('photos')
    })
    afterAll(() => server.stop())

    testStorage(
      's3',
      async () => {
        const storage = open()
        return { storage, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() }
      },
      lacks,
    )

    it('gives out an object under a URL of its own, for a time', async () => {
      await using storage = open()
      const [ref, body] = [{ bucket: 'photos', key: '/trip/a b & ü.txt' }, Buffer.from('some text')]
      await storage.put(ref, { body, size: body.length, contentType: 'text/plain' }, never)
      const url = await storage.presign!(ref, { expiresSeconds: 60, signal: never })
      const answer = await fetch(url)
      expect([answer.status, await answer.text()]).toEqual([200, 'some text'])
      expect((await fetch(url.replace('/trip/', '/other/'))).ok).toBe(false)
    })

    it('is no usable storage with keys that it does not know, or without the bucket', async () => {
      await using stranger = open({ accessKey: 'somebody', secretAccessKey: 'else-than-known' })
      await using homeless = open({ bucket: 'absent' })
      const unavailable = { code: 'storage_unavailable' }
      await expect(stranger.ping(never)).rejects.toMatchObject(unavailable)
      await expect(homeless.ping(never)).rejects.toMatchObject(unavailable)
      const body = Buffer.from('a')
      await expect(homeless.put({ bucket: 'photos', key: '/a' }, { body, size: 1 }, never)).rejects.toMatchObject(
        unavailable,
      )
      expect(await homeless.get({ bucket: 'photos', key: '/a' }, { signal: never })).toBeNull()
    })
  })
}
