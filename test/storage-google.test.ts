import { generateKeyPairSync } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { testStorage } from '@mortise/storage/conformance'
import { createGoogleStorage } from '@mortise/storage/google'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findGcs, gcsAdvice, startGcs } from './servers/gcs.ts'

const never = new AbortController().signal
const unavailable = { code: 'storage_unavailable' }
const binary = await findGcs()

/** Where what is proven counts, nothing is left out; on a desk, what cannot be there is no failure. */
const isRequired = process.env.CI === 'true'
if (!binary && !isRequired) console.warn(`${gcsAdvice}; they are skipped`)

it.skipIf(!binary && !isRequired)('finds an independent server for the kind google', () => {
  expect(binary, gcsAdvice).not.toBeNull()
})

describe.skipIf(!binary)('fake-gcs-server', () => {
  let server: Awaited<ReturnType<typeof startGcs>>
  const open = (options = {}) =>
    createGoogleStorage({ endpoint: server.endpoint, pathPrefix: crypto.randomUUID().slice(0, 8), ...options })

  beforeAll(async () => {
    server = await startGcs(binary!)
    await server.createBucket('photos')
  })
  afterAll(() => server?.stop())

  testStorage(
    'google',
    async () => {
      const storage = open()
      return { storage, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() }
    },
    // Its tags are of its own making; the server takes only the first letter of a delimiter for it.
    { md5: true, delimiters: true },
  )

  it('gives out an object under a URL that the key of the service account signed', async () => {
    await using storage = open({ configJson: serviceAccount() })
    const [ref, body] = [{ bucket: 'photos', key: '/trip/a b & ü.txt' }, Buffer.from('some text')]
    await storage.put(ref, { body, size: body.length, contentType: 'text/plain' }, never)
    const url = new URL(await storage.presign!(ref, { expiresSeconds: 60, signal: never }))
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      'X-Goog-Algorithm': 'GOOG4-RSA-SHA256',
      'X-Goog-Credential': expect.stringMatching(/^robot@example\.com\/\d{8}\/auto\/storage\/goog4_request$/),
      'X-Goog-Expires': expect.stringMatching(/^(59|60)$/),
      'X-Goog-Signature': expect.stringMatching(/^[0-9a-f]{512}$/),
    })
    const answer = await fetch(url)
    expect([answer.status, await answer.text()]).toEqual([200, 'some text'])
  })

  it('signs no URL for nobody', async () => {
    await using storage = open()
    const presigning = storage.presign!({ bucket: 'photos', key: '/a' }, { expiresSeconds: 60, signal: never })
    await expect(presigning).rejects.toMatchObject(unavailable)
  })

  it('stores what others read as it was said, in the container and under the prefix that are configured', async () => {
    const headers = { 'Cache-Control': 'max-age=5', 'X-Goog-Storage-Class': 'NEARLINE', 'X-Goog-ACL': 'public-read' }
    await using storage = open({ bucket: 'photos', pathPrefix: '/kept/', headers })
    const metadata = { 'parent-etag': 'ü' }
    const made = await storage.put(
      { bucket: 'other', key: '/a.png' },
      { body: Buffer.from('a'), size: 1, metadata },
      never,
    )
    expect(made).toMatchObject({ cacheControl: 'max-age=5', metadata })
    const found = await fetch(`${server.endpoint}/storage/v1/b/photos/o/kept%2Fa.png?projection=full`)
    expect(await found.json()).toMatchObject({
      contentType: 'image/png',
      cacheControl: 'max-age=5',
      storageClass: 'NEARLINE',
      acl: [{ entity: 'allUsers', role: 'READER' }],
      metadata,
    })
  })

  it('hands out what was stored compressed as it was stored', async () => {
    await using storage = open()
    const [ref, body] = [{ bucket: 'photos', key: '/a.svg' }, gzipSync('<svg/>')]
    await storage.put(ref, { body, size: body.length, contentEncoding: 'gzip' }, never)
    const found = await storage.get(ref, { signal: never })
    expect(Buffer.from(await found!.bytes(1000))).toEqual(body)
    expect(found?.info).toMatchObject({ contentEncoding: 'gzip', size: body.length })
  })

  it('is no usable storage without the bucket', async () => {
    await using homeless = open({ bucket: 'absent' })
    await open().ping(never)
    await open({ bucket: 'photos' }).ping(never)
    await expect(homeless.ping(never)).rejects.toMatchObject(unavailable)
    const [ref, body] = [{ bucket: 'photos', key: '/a' }, Buffer.from('a')]
    await expect(homeless.put(ref, { body, size: 1 }, never)).rejects.toMatchObject(unavailable)
    expect(await homeless.get(ref, { signal: never })).toBeNull()
  })

  it('refuses what no bucket can be called', async () => {
    await using storage = open()
    const get = storage.get({ bucket: 'No Bucket', key: '/a' }, { signal: never })
    await expect(get).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

function serviceAccount(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  return JSON.stringify({ type: 'service_account', client_email: 'robot@example.com', private_key: key })
}
