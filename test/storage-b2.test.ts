import { createB2Storage } from '@mortise/storage/b2'
import { type Lacks, testStorage } from '@mortise/storage/conformance'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findMinio, type S3Server, startMinio, startS3rver } from './servers/s3.ts'

const minio = await findMinio()
// MinIO as well: now and then it lets two through of several that find nothing there at the same time.
const lacks: Lacks = minio
  ? { conditions: true, repeatedSlashes: true }
  : { atomicPut: true, exactRanges: true, listing: true, conditions: true, repeatedSlashes: 'confused' }

// Backblaze has no server to run at home; what is asked of it is its S3 interface, which these servers speak as well.
describe(minio ? 'minio' : 's3rver', () => {
  let server: S3Server
  beforeAll(async () => {
    server = await (minio ? startMinio(minio) : startS3rver())
    await server.createBucket('photos')
  })
  afterAll(() => server?.stop())

  testStorage(
    'b2',
    async () => {
      const { endpoint, accessKey: keyId, secretAccessKey: applicationKey } = server
      const pathPrefix = crypto.randomUUID().slice(0, 8)
      const storage = createB2Storage({ endpoint, keyId, applicationKey, pathPrefix })
      return { storage, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() }
    },
    lacks,
  )
})

describe('the address of b2', () => {
  const keys = { keyId: 'id', applicationKey: 'secret' }
  const signed = async (options: { region?: string; endpoint?: string }) => {
    await using storage = createB2Storage({ ...keys, ...options })
    const ref = { bucket: 'photos', key: '/cat.jpg' }
    const url = new URL(await storage.presign!(ref, { expiresSeconds: 60, signal: new AbortController().signal }))
    const [id, , region] = url.searchParams.get('X-Amz-Credential')?.split('/') ?? []
    return { kind: storage.kind, url: url.origin + url.pathname, id, region }
  }
  const west = {
    kind: 'b2',
    url: 'https://s3.us-west-004.backblazeb2.com/photos/cat.jpg',
    id: 'id',
    region: 'us-west-004',
  }

  it('is that of the region', async () => {
    expect(await signed({ region: 'us-west-004' })).toEqual(west)
  })

  it('tells the region', async () => {
    expect(await signed({ endpoint: 'https://s3.us-west-004.backblazeb2.com' })).toEqual(west)
    expect(await signed({ endpoint: 's3.us-west-004.backblazeb2.com' })).toEqual(west)
  })

  it('or the region is needed, and both keys', () => {
    const invalid = expect.objectContaining({ code: 'invalid_config' })
    expect(() => createB2Storage(keys)).toThrow(invalid)
    expect(() => createB2Storage({ ...keys, keyId: '', region: 'a' })).toThrow(invalid)
    expect(() => createB2Storage({ ...keys, applicationKey: '', region: 'a' })).toThrow(invalid)
  })
})
