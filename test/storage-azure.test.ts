import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { createAzureStorage } from '@mortise/storage/azure'
import { testStorage } from '@mortise/storage/conformance'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AzureServer, startAzurite } from './servers/azurite.ts'

const never = new AbortController().signal
const unavailable = { code: 'storage_unavailable' }

describe('azurite', () => {
  let server: AzureServer
  const open = (options = {}) =>
    createAzureStorage({ ...server, pathPrefix: crypto.randomUUID().slice(0, 8), ...options })
  const service = () =>
    new BlobServiceClient(server.endpoint, new StorageSharedKeyCredential(server.account, server.key))

  beforeAll(async () => {
    server = await startAzurite()
    await service().createContainer('photos')
  })
  afterAll(() => server?.stop())

  testStorage(
    'azure',
    async () => {
      const storage = open()
      return { storage, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() }
    },
    // Its tags are of its own making; Azurite sorts by 16-bit units, and prints no XML that holds control characters.
    { md5: true, byteOrder: true, controls: true },
  )

  it('gives out an object under a URL of its own, for a time', async () => {
    await using storage = open()
    const [ref, body] = [{ bucket: 'photos', key: '/trip/a b & ü.txt' }, Buffer.from('some text')]
    await storage.put(ref, { body, size: body.length, contentType: 'text/plain' }, never)
    const url = await storage.presign!(ref, { expiresSeconds: 60, signal: never })
    const answer = await fetch(url)
    expect([answer.status, await answer.text()]).toEqual([200, 'some text'])
    expect((await fetch(url.replace('/trip/', '/other/'))).ok).toBe(false)
    expect((await fetch(url.split('?')[0]!)).ok).toBe(false)
    const past = await storage.presign!(ref, { expiresSeconds: -60, signal: never })
    expect((await fetch(past)).ok).toBe(false)
  })

  it('stores what others read as it was said, in the container and under the prefix that are configured', async () => {
    await using storage = open({ bucket: 'photos', pathPrefix: '/kept/', headers: { 'Cache-Control': 'max-age=5' } })
    const metadata = { 'parent-etag': 'ü', plain: 'as it is' }
    await storage.put({ bucket: 'other', key: '/a.png' }, { body: Buffer.from('a'), size: 1, metadata }, never)
    const found = await service().getContainerClient('photos').getBlobClient('kept/a.png').getProperties()
    expect(found).toMatchObject({
      contentType: 'image/png',
      cacheControl: 'max-age=5',
      metadata: { parent_2detag: '=?UTF-8?B?w7w=?=', plain: 'as it is' },
    })
  })

  it('deletes an object that has snapshots', async () => {
    await using storage = open({ pathPrefix: 'kept' })
    const ref = { bucket: 'photos', key: '/twice.jpg' }
    await storage.put(ref, { body: Buffer.from('a'), size: 1 }, never)
    await service().getContainerClient('photos').getBlobClient('kept/twice.jpg').createSnapshot()
    await storage.delete(ref, never)
    expect(await storage.head(ref, never)).toBeNull()
  })

  it('is no usable storage with a key that is not that of the account, or without the container', async () => {
    await using stranger = open({ key: Buffer.from('another').toString('base64') })
    await using homeless = open({ bucket: 'absent' })
    await open().ping(never)
    await open({ bucket: 'photos' }).ping(never)
    await expect(stranger.ping(never)).rejects.toMatchObject(unavailable)
    await expect(homeless.ping(never)).rejects.toMatchObject(unavailable)
    const [ref, body] = [{ bucket: 'photos', key: '/a' }, Buffer.from('a')]
    await expect(homeless.put(ref, { body, size: 1 }, never)).rejects.toMatchObject(unavailable)
    expect(await homeless.get(ref, { signal: never })).toBeNull()
  })

  it('refuses what no container can be called', async () => {
    await using storage = open()
    const get = storage.get({ bucket: 'No_Container', key: '/a' }, { signal: never })
    await expect(get).rejects.toMatchObject({ code: 'invalid_request' })
  })
})
