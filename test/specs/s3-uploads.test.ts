import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Part, startPart } from '../cluster.ts'
import { describeModes } from '../modes.ts'
import { findMinio, type S3Server, startMinio } from '../servers/s3.ts'
import { untilEqual } from '../until.ts'
import { keys, minio, refusal, s3Site, sdk } from './s3-site.ts'

const { folder, storages } = await s3Site()
await mkdir(path.join(folder, 'media'))
await mkdir(path.join(folder, 'media-derivatives'))
const Bucket = 'media'
const MiB = 1024 * 1024

async function setUp() {
  return { config: { buckets: { media: { keys: [keys], storages: storages('media') } } } }
}

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest()
const tagOf = (parts: Uint8Array[]) => `"${md5(Buffer.concat(parts.map(md5))).toString('hex')}-${parts.length}"`

/** Files of uploads that are not complete; the last one takes its folder away. */
async function leftovers(): Promise<string[]> {
  const place = path.join(folder, 'media', 'media', '.mortise', 'uploads')
  const entries = await readdir(place, { recursive: true }).catch(() => [])
  return entries.filter(name => name.includes('/'))
}

describeModes('uploads in parts', setUp, cluster => {
  const begin = async (Key: string, more: object = {}) => {
    const { UploadId } = await sdk(cluster().url).send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))
    return { Bucket, Key, UploadId: UploadId! }
  }
  type Begun = Awaited<ReturnType<typeof begin>>
  const part = (upload: Begun, PartNumber: number, Body: Uint8Array) =>
    sdk(cluster().url).send(new UploadPartCommand({ ...upload, PartNumber, Body }))
  const complete = (upload: Begun, Parts: { PartNumber: number; ETag: string | undefined }[]) =>
    sdk(cluster().url).send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }))

  it('lib-storage stores 40 MiB of a stream', async () => {
    const client = sdk(cluster().url)
    const bytes = randomBytes(40 * MiB)
    const upload = new Upload({
      client,
      params: { Bucket, Key: 'big', Body: bytes, ContentType: 'a/b' },
      partSize: 8 * MiB,
    })
    const { ETag } = await upload.done()
    expect(ETag).toBe(tagOf([0, 1, 2, 3, 4].map(at => bytes.subarray(at * 8 * MiB, (at + 1) * 8 * MiB))))
    const { Body, ...facts } = await client.send(new GetObjectCommand({ Bucket, Key: 'big' }))
    expect(facts).toMatchObject({ ETag, ContentType: 'a/b', ContentLength: bytes.length })
    expect(bytes.equals((await Body?.transformToByteArray()) ?? Buffer.of())).toBe(true)
    const third = await client.send(new HeadObjectCommand({ Bucket, Key: 'big', PartNumber: 3 }))
    expect(third).toMatchObject({ ContentLength: 8 * MiB, PartsCount: 5 })
    const attributes = await client.send(
      new GetObjectAttributesCommand({ Bucket, Key: 'big', ObjectAttributes: ['ObjectParts'] }),
    )
    expect(attributes.ObjectParts?.TotalPartsCount).toBe(5)
    await untilEqual('what is left of uploads', async () => (await leftovers()).length, 0)
  })

  it('the minio client stores 70 MiB', async () => {
    const client = minio(cluster().url)
    const bytes = randomBytes(70 * MiB)
    await client.putObject(Bucket, 'minio', bytes, bytes.length)
    const chunks: Buffer[] = []
    for await (const chunk of await client.getObject(Bucket, 'minio')) chunks.push(chunk)
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
  })

  it('goes on after a break: a part again, parts listed, others copied', async () => {
    const client = sdk(cluster().url)
    const [one, two, three] = [randomBytes(5 * MiB), randomBytes(5 * MiB), randomBytes(10)]
    const upload = await begin('resumed', { Metadata: { kept: 'yes' } })
    await part(upload, 1, three)
    const first = await part(upload, 1, one)
    await client.send(new PutObjectCommand({ Bucket, Key: 'source', Body: Buffer.concat([three, two]) }))
    const second = await client.send(
      new UploadPartCopyCommand({
        ...upload,
        PartNumber: 2,
        CopySource: 'media/source',
        CopySourceRange: `bytes=10-${two.length + 9}`,
      }),
    )
    const last = await part(upload, 9, three)
    const listed = await client.send(new ListPartsCommand({ ...upload, MaxParts: 2 }))
    expect(listed.Parts?.map(({ PartNumber, ETag, Size }) => [PartNumber, ETag, Size])).toEqual([
      [1, `"${md5(one).toString('hex')}"`, one.length],
      [2, second.CopyPartResult?.ETag, two.length],
    ])
    expect([listed.IsTruncated, listed.NextPartNumberMarker]).toEqual([true, '2'])
    const parts = [
      { PartNumber: 1, ETag: first.ETag },
      { PartNumber: 2, ETag: second.CopyPartResult?.ETag },
      { PartNumber: 9, ETag: last.ETag },
    ]
    const { ETag } = await complete(upload, parts)
    expect(ETag).toBe(tagOf([one, two, three]))
    const { Body, Metadata } = await client.send(new GetObjectCommand({ Bucket, Key: 'resumed' }))
    expect(Buffer.concat([one, two, three]).equals((await Body?.transformToByteArray()) ?? Buffer.of())).toBe(true)
    expect(Metadata).toEqual({ kept: 'yes' })
    // Whoever lost the answer asks again.
    expect((await complete(upload, parts)).ETag).toBe(ETag)
  })

  it('refuses lists that do not fit', async () => {
    const upload = await begin('refused')
    const { ETag } = await part(upload, 1, Buffer.from('small'))
    await part(upload, 2, Buffer.from('last'))
    const codeOf = async (parts: { PartNumber: number; ETag: string | undefined }[]) =>
      (await refusal(complete(upload, parts))).code
    expect(await codeOf([{ PartNumber: 1, ETag: '"0123456789abcdef0123456789abcdef"' }])).toBe('InvalidPart')
    expect(await codeOf([{ PartNumber: 3, ETag }])).toBe('InvalidPart')
    const both = [1, 2].map(PartNumber => ({ PartNumber, ETag }))
    expect(await codeOf(both.toReversed())).toBe('InvalidPartOrder')
    const { Parts = [] } = await sdk(cluster().url).send(new ListPartsCommand(upload))
    expect(await codeOf(Parts.map(({ PartNumber, ETag }) => ({ PartNumber: PartNumber!, ETag })))).toBe(
      'EntityTooSmall',
    )
    expect(await codeOf([])).toBe('MalformedXML')
    expect(await refusal(sdk(cluster().url).send(new HeadObjectCommand({ Bucket, Key: 'refused' })))).toMatchObject({
      status: 404,
    })
    await sdk(cluster().url).send(new AbortMultipartUploadCommand(upload))
  })

  it('tells of uploads under way, and forgets one that is given up', async () => {
    const client = sdk(cluster().url)
    const uploads = [await begin('u/b'), await begin('u/a'), await begin('u/a')]
    await part(uploads[0]!, 1, Buffer.from('part'))
    const listed = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'u/' }))
    const found = listed.Uploads?.map(({ Key, UploadId }) => ({ Bucket, Key, UploadId }))
    expect(found).toEqual([...uploads.slice(1).sort((a, b) => (a.UploadId < b.UploadId ? -1 : 1)), uploads[0]])
    const folders = await client.send(new ListMultipartUploadsCommand({ Bucket, Delimiter: '/' }))
    expect(folders.CommonPrefixes).toEqual([{ Prefix: 'u/' }])
    for (const upload of uploads) await client.send(new AbortMultipartUploadCommand(upload))
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'u/' }))).Uploads).toBeUndefined()
    const gone = { status: 404, code: 'NoSuchUpload' }
    expect(await refusal(part(uploads[0]!, 2, Buffer.from('x')))).toEqual(gone)
    expect(await refusal(complete(uploads[0]!, [{ PartNumber: 1, ETag: '"x"' }]))).toEqual(gone)
    await untilEqual('what is left of uploads', async () => (await leftovers()).length, 0)
  })
})

const minioBinary = await findMinio()

describe.skipIf(!minioBinary)('a bucket on another S3 server', () => {
  let server: S3Server
  let part: Part

  beforeAll(async () => {
    server = await startMinio(minioBinary!)
    await server.createBucket('backend')
    const { endpoint, accessKey, secretAccessKey } = server
    const basic = { kind: 's3', bucket: 'backend', pathPrefix: 'in', endpoint, accessKey, secretAccessKey }
    part = await startPart('serve', { buckets: { media: { keys: [keys], storages: { basic } } } })
  })
  afterAll(async () => {
    await part?.stop()
    await server?.stop()
  })

  it('takes uploads of every kind, and tells and gives them as its own', async () => {
    const client = sdk(part.url)
    await client.send(new PutObjectCommand({ Bucket, Key: 'small ü', Body: 'small', Metadata: { a: 'b' } }))
    const bytes = randomBytes(12 * MiB)
    const params = { Bucket, Key: 'deep/large', Body: bytes, ContentType: 'a/b' }
    await new Upload({ client, params, partSize: 5 * MiB }).done()
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket }))
    expect(Contents?.map(({ Key, Size }) => [Key, Size])).toEqual([
      ['deep/large', bytes.length],
      ['small ü', 5],
    ])
    const { Body, ETag } = await client.send(new GetObjectCommand({ Bucket, Key: 'deep/large' }))
    expect(bytes.equals((await Body?.transformToByteArray()) ?? Buffer.of())).toBe(true)
    expect(ETag).toBe(Contents?.[0]?.ETag)
    expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'small ü' }))).toMatchObject({ Metadata: { a: 'b' } })
    const again = new PutObjectCommand({ Bucket, Key: 'small ü', Body: 'other', IfNoneMatch: '*' })
    expect(await refusal(client.send(again))).toEqual({ status: 412, code: 'PreconditionFailed' })
  })
})
