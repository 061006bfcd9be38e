import { createHash, randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, startCluster } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { type AzureServer, startAzurite } from '../servers/azurite.ts'
import { get, send } from './client.ts'
import { keys, minio, refusal, s3Site, sdk } from './s3-site.ts'

const { folder, storages } = await s3Site()
for (const name of ['media', 'media-derivatives', 'other', 'other-derivatives']) await mkdir(path.join(folder, name))

async function setUp() {
  const buckets = {
    media: { keys: [keys], storages: storages('media'), transform: { kind: 'query' } },
    other: { keys: [{ accessKey: 'acc', secretAccessKey: 'another' }], storages: storages('other') },
  }
  return { config: { headers: [{ statusCodes: [200], values: { 'cache-control': 'max-age=600' } }], buckets } }
}

const Bucket = 'media'
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')

async function read(client: S3Client, Key: string, more: object = {}) {
  const { Body, ...facts } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }))
  return { ...facts, bytes: Buffer.from((await Body?.transformToByteArray()) ?? []) }
}

describe('objects on Azure', () => {
  let server: AzureServer | undefined
  let cluster: Cluster | undefined
  beforeAll(async () => {
    server = await startAzurite()
    const { endpoint: azureEndpoint, account: azureAccount, key: azureKey } = server
    const containers = new BlobServiceClient(azureEndpoint, new StorageSharedKeyCredential(azureAccount, azureKey))
    await containers.createContainer(Bucket)
    const basic = { kind: 'azure', azureEndpoint, azureAccount, azureKey }
    const config: object = { buckets: { media: { keys: [keys], storages: { basic } } } }
    cluster = await startCluster('embedded', config)
  })
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]()
    await server?.stop()
  })

  it('have tags that no client takes for an MD5, and that hold as conditions', async () => {
    const client = sdk(cluster!.url)
    const at = { Bucket, Key: 'tagged' }
    const { ETag } = await client.send(new PutObjectCommand({ ...at, Body: 'one' }))
    expect(ETag).toMatch(/^"0x[0-9A-F]+-1"$/)
    expect((await client.send(new HeadObjectCommand(at))).ETag).toBe(ETag)
    expect((await read(client, 'tagged', { IfMatch: ETag })).ETag).toBe(ETag)
    expect((await refusal(read(client, 'tagged', { IfNoneMatch: ETag }))).status).toBe(304)
    expect((await client.send(new ListObjectsV2Command({ Bucket }))).Contents?.[0]?.ETag).toBe(ETag)
    const copy = { Bucket, Key: 'copied', CopySource: `${Bucket}/tagged` }
    const copied = await client.send(new CopyObjectCommand({ ...copy, CopySourceIfMatch: ETag }))
    expect(copied.CopyObjectResult?.ETag).toMatch(/-1"$/)
    expect((await refusal(client.send(new CopyObjectCommand({ ...copy, CopySourceIfNoneMatch: ETag })))).status).toBe(
      412,
    )
    await client.send(new PutObjectCommand({ ...at, Body: 'two', IfMatch: ETag }))
    const late = client.send(new PutObjectCommand({ ...at, Body: 'three', IfMatch: ETag }))
    expect(await refusal(late)).toEqual({ status: 412, code: 'PreconditionFailed' })
    expect((await read(client, 'tagged')).bytes.toString()).toBe('two')
  })

  it('keep when they expire, and a checksum that came in front of the body', async () => {
    const client = sdk(cluster!.url)
    const ExpiresString = 'Thu, 01 Dec 2044 16:00:00 GMT'
    const put = { Bucket, Key: 'said', Body: 'said', Expires: new Date(ExpiresString), Metadata: { own: 'yes' } }
    await client.send(new PutObjectCommand({ ...put, ChecksumAlgorithm: 'CRC32' }))
    const expected = { ExpiresString, ChecksumCRC32: crcOf('said'), Metadata: { own: 'yes' } }
    expect(await read(client, 'said', { ChecksumMode: 'ENABLED' })).toMatchObject(expected)
  })
})

describeModes('objects of the S3 API', setUp, cluster => {
  it('keeps bytes and what is said of them', async () => {
    const client = sdk(cluster().url)
    const bytes = randomBytes(300_000)
    const put = await client.send(
      new PutObjectCommand({
        Bucket,
        Key: 'trip/one.bin',
        Body: bytes,
        ContentType: 'application/x-one',
        CacheControl: 'max-age=5',
        ContentEncoding: 'x-none',
        ContentLanguage: 'de',
        ContentDisposition: 'attachment; filename="one"',
        Metadata: { header: 'meta' },
      }),
    )
    expect(put.ETag).toBe(`"${md5(bytes)}"`)
    const { bytes: found, ...facts } = await read(client, 'trip/one.bin')
    expect(found.equals(bytes)).toBe(true)
    const expected = {
      ETag: put.ETag,
      ContentLength: bytes.length,
      ContentType: 'application/x-one',
      CacheControl: 'max-age=5',
      ContentEncoding: 'x-none',
      ContentLanguage: 'de',
      ContentDisposition: 'attachment; filename="one"',
      Metadata: { header: 'meta' },
    }
    expect(facts).toMatchObject(expected)
    expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'trip/one.bin' }))).toMatchObject(expected)
    const attributes = await client.send(
      new GetObjectAttributesCommand({ Bucket, Key: 'trip/one.bin', ObjectAttributes: ['ETag', 'ObjectSize'] }),
    )
    expect(attributes).toMatchObject({ ETag: md5(bytes), ObjectSize: bytes.length })
  })

  it.each([
    'a b+c%d/ü 日本 😀.txt',
    'quotes\'"&<>.txt',
    '100%25/a%2Fb',
    'ä'.repeat(120),
    `${'long/'.repeat(200)}end`,
    'semi;colon?question#hash=equal',
    '~tilde(1)!*',
  ])('keeps an object under %.40s', async Key => {
    const client = sdk(cluster().url)
    await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }))
    expect((await read(client, Key)).bytes.toString()).toBe(Key)
    await client.send(new DeleteObjectCommand({ Bucket, Key }))
    expect(await refusal(read(client, Key))).toEqual({ status: 404, code: 'NoSuchKey' })
  })

  it.each([
    ['x'.repeat(1025), 400, 'KeyTooLongError'],
    ['x'.repeat(300), 400, 'InvalidArgument'],
    ['a//b', 400, 'InvalidArgument'],
    ['a/../b', 400, 'InvalidURI'],
    ['back\\slash', 400, 'InvalidURI'],
    ['.mortise/uploads/x', 404, 'NoSuchKey'],
  ])('refuses a key that no storage here holds: %.20s', async (Key, status, code) => {
    const call = sdk(cluster().url).send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))
    expect(await refusal(call)).toEqual({ status, code })
  })

  it('keeps an empty object, and a folder', async () => {
    const client = sdk(cluster().url)
    await client.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '' }))
    expect((await read(client, 'empty')).ContentLength).toBe(0)
    await client.send(new PutObjectCommand({ Bucket, Key: 'dir-11/', Body: '' }))
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'dir-11/' }))
  })

  it('answers ranges, conditions and wishes for other headers', async () => {
    const client = sdk(cluster().url)
    const { ETag } = await client.send(new PutObjectCommand({ Bucket, Key: 'ten', Body: '0123456789' }))
    const part = await read(client, 'ten', { Range: 'bytes=2-4' })
    expect([part.bytes.toString(), part.ContentRange]).toEqual(['234', 'bytes 2-4/10'])
    const whole = await read(client, 'ten', { PartNumber: 1 })
    expect([whole.bytes.toString(), whole.ContentRange]).toEqual(['0123456789', 'bytes 0-9/10'])
    const wished = await read(client, 'ten', { ResponseContentType: 'text/x', ResponseCacheControl: 'no-store' })
    expect(wished).toMatchObject({ ContentType: 'text/x', CacheControl: 'no-store' })
    expect(await refusal(read(client, 'ten', { Range: 'bytes=10-' }))).toEqual({ status: 416, code: 'InvalidRange' })
    expect((await refusal(read(client, 'ten', { IfNoneMatch: ETag }))).status).toBe(304)
    expect(await refusal(read(client, 'ten', { IfMatch: '"other"' }))).toEqual({
      status: 412,
      code: 'PreconditionFailed',
    })
  })

  it('writes under conditions', async () => {
    const client = sdk(cluster().url)
    const put = (Body: string, more: object) =>
      client.send(new PutObjectCommand({ Bucket, Key: `conditional-${cluster().mode}`, Body, ...more }))
    const { ETag } = await put('one', { IfNoneMatch: '*' })
    const failed = { status: 412, code: 'PreconditionFailed' }
    expect(await refusal(put('two', { IfNoneMatch: '*' }))).toEqual(failed)
    expect(await refusal(put('two', { IfMatch: '"other"' }))).toEqual(failed)
    expect((await read(client, `conditional-${cluster().mode}`)).bytes.toString()).toBe('one')
    await put('two', { IfMatch: ETag })
    expect((await read(client, `conditional-${cluster().mode}`)).bytes.toString()).toBe('two')
  })

  it('copies, with the old metadata or with new', async () => {
    const client = sdk(cluster().url)
    const CopySource = 'media/from%20%C3%BC.txt'
    const copy = (Key: string, more: object = {}) =>
      client.send(new CopyObjectCommand({ Bucket, Key, CopySource, ...more }))
    const put = new PutObjectCommand({
      Bucket,
      Key: 'from ü.txt',
      Body: 'text',
      ContentType: 'a/b',
      Metadata: { m: '1' },
    })
    const { ETag } = await client.send(put)
    expect((await copy('to')).CopyObjectResult?.ETag).toBe(ETag)
    expect(await read(client, 'to')).toMatchObject({ ContentType: 'a/b', Metadata: { m: '1' } })
    await copy('to', { MetadataDirective: 'REPLACE', ContentType: 'c/d', Metadata: { n: '2' } })
    expect(await read(client, 'to')).toMatchObject({ ContentType: 'c/d', Metadata: { n: '2' } })
    expect(await refusal(copy('from ü.txt'))).toEqual({ status: 400, code: 'InvalidRequest' })
    expect(await refusal(copy('to', { CopySourceIfNoneMatch: ETag }))).toMatchObject({ code: 'PreconditionFailed' })
    expect(await refusal(copy('to', { CopySource: 'media/absent' }))).toEqual({ status: 404, code: 'NoSuchKey' })
    // Its key has the same name, but another secret.
    await copy('to', { CopySource: 'media/from ü.txt'.replace(' ü', '%20%C3%BC') })
  })

  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'keeps the checksum %s of an upload, and of a copy of it',
    async ChecksumAlgorithm => {
      const client = sdk(cluster().url)
      const name = `Checksum${ChecksumAlgorithm}` as const
      const bytes = randomBytes(100_000)
      const Metadata = { own: 'yes' }
      const put = (Key: string, Body: Uint8Array | Readable) =>
        client.send(
          new PutObjectCommand({ Bucket, Key, Body, ContentLength: bytes.length, Metadata, ChecksumAlgorithm }),
        )
      // The checksum of the one is in a header, that of the other behind the body.
      const { [name]: sum } = await put('summed', bytes)
      await put('summed-streamed', Readable.from([bytes]))
      const copied = new CopyObjectCommand({ Bucket, Key: 'summed-copy', CopySource: `${Bucket}/summed` })
      expect((await client.send(copied)).CopyObjectResult).toMatchObject({ [name]: sum, ChecksumType: 'FULL_OBJECT' })
      for (const Key of ['summed', 'summed-streamed', 'summed-copy']) {
        const told = { [name]: sum, ChecksumType: 'FULL_OBJECT', Metadata }
        expect(await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }))).toMatchObject(told)
        const { bytes: found, ...facts } = await read(client, Key, { ChecksumMode: 'ENABLED' })
        expect(facts).toMatchObject(told)
        expect(found.equals(bytes)).toBe(true)
        const same = await refusal(read(client, Key, { ChecksumMode: 'ENABLED', IfNoneMatch: facts.ETag }))
        // The client's word for an answer that says no more; a checksum beside it would be another error.
        expect(same).toEqual({ status: 304, code: 'Unknown' })
        const part = await read(client, Key, { ChecksumMode: 'ENABLED', Range: 'bytes=0-9' })
        expect([part.bytes.length, part[name]]).toEqual([10, undefined])
        const asked = new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ['Checksum'] })
        expect((await client.send(asked)).Checksum).toEqual({ [name]: sum, ChecksumType: 'FULL_OBJECT' })
        const open = await get(`${cluster().url}/${Bucket}/${Key}`)
        expect([...open.headers.keys()].filter(header => /mortise|checksum/.test(header))).toEqual([])
      }
    },
  )

  it('keeps no checksum of a body that is not of it', async () => {
    const client = sdk(cluster().url)
    await client.send(new PutObjectCommand({ Bucket, Key: 'right', Body: 'right', ChecksumAlgorithm: 'CRC32' }))
    const wrong = new PutObjectCommand({ Bucket, Key: 'right', Body: 'wrong', ChecksumCRC32: 'AAAAAA==' })
    expect(await refusal(client.send(wrong))).toEqual({ status: 400, code: 'BadDigest' })
    const { bytes, ChecksumCRC32 } = await read(client, 'right', { ChecksumMode: 'ENABLED' })
    expect([bytes.toString(), ChecksumCRC32]).toEqual(['right', crcOf('right')])
  })

  it.each([
    ['CRC32', 'COMPOSITE'],
    ['SHA256', 'COMPOSITE'],
    ['CRC32', 'FULL_OBJECT'],
    ['CRC64NVME', 'FULL_OBJECT'],
  ] as const)('tells the checksum %s (%s) of an upload in parts', async (ChecksumAlgorithm, ChecksumType) => {
    const client = sdk(cluster().url)
    const name = `Checksum${ChecksumAlgorithm}` as const
    const to = { Bucket, Key: `parts-${ChecksumAlgorithm}-${ChecksumType}` }
    const bodies = [randomBytes(5 * 1024 * 1024), randomBytes(1000)]
    const begun = await client.send(new CreateMultipartUploadCommand({ ...to, ChecksumAlgorithm, ChecksumType }))
    expect(begun).toMatchObject({ ChecksumAlgorithm, ChecksumType })
    const { UploadId } = begun
    const Parts: { ETag?: string; PartNumber: number }[] = []
    for (const [index, Body] of bodies.entries()) {
      const part = { ...to, UploadId, PartNumber: index + 1, Body, ChecksumAlgorithm }
      const { ETag, [name]: sum } = await client.send(new UploadPartCommand(part))
      Parts.push({ ...(ETag ? { ETag } : {}), PartNumber: index + 1, [name]: sum })
    }
    const listed = await client.send(new ListPartsCommand({ ...to, UploadId }))
    expect(listed).toMatchObject({ ChecksumAlgorithm, ChecksumType, Parts })
    const complete = (more: object = {}) =>
      client.send(
        new CompleteMultipartUploadCommand({ ...to, UploadId, MultipartUpload: { Parts }, ChecksumType, ...more }),
      )
    const wrong = ChecksumType === 'COMPOSITE' ? 'AAAAAA==-2' : 'AAAAAA=='
    if (ChecksumAlgorithm === 'CRC32') {
      expect(await refusal(complete({ ChecksumCRC32: wrong }))).toEqual({ status: 400, code: 'BadDigest' })
    }
    expect(await refusal(complete({ MpuObjectSize: 7 }))).toEqual({ status: 400, code: 'InvalidRequest' })
    const { [name]: told } = await complete()
    if (ChecksumType === 'COMPOSITE') expect(told).toMatch(/=-2$/)
    else if (name === 'ChecksumCRC32') expect(told).toBe(crcOf(Buffer.concat(bodies)))
    const { bytes, ...facts } = await read(client, to.Key, { ChecksumMode: 'ENABLED' })
    expect(facts).toMatchObject({ [name]: told, ChecksumType })
    expect(bytes.equals(Buffer.concat(bodies))).toBe(true)
    const ObjectAttributes = ['Checksum' as const, 'ObjectParts' as const]
    const attributes = await client.send(new GetObjectAttributesCommand({ ...to, ObjectAttributes, MaxParts: 1 }))
    expect(attributes).toMatchObject({
      Checksum: { [name]: told, ChecksumType },
      ObjectParts: { TotalPartsCount: 2, IsTruncated: true, Parts: [{ PartNumber: 1, Size: 5 * 1024 * 1024 }] },
    })
  })

  it('compares the parts with a checksum of the whole, when they have none', async () => {
    const client = sdk(cluster().url, { requestChecksumCalculation: 'WHEN_REQUIRED' })
    const to = { Bucket, Key: `whole-${cluster().mode}` }
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(to))
    const { ETag } = await client.send(new UploadPartCommand({ ...to, UploadId, PartNumber: 1, Body: 'whole' }))
    const complete = (ChecksumCRC32: string) =>
      client.send(
        new CompleteMultipartUploadCommand({
          ...{ ...to, UploadId, ChecksumCRC32, ChecksumType: 'FULL_OBJECT' },
          MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] },
        }),
      )
    expect(await refusal(complete('AAAAAA=='))).toEqual({ status: 400, code: 'BadDigest' })
    expect((await refusal(read(client, to.Key))).status).toBe(404)
    expect((await complete(crcOf('whole'))).ChecksumCRC32).toBe(crcOf('whole'))
  })

  it('keeps when an object expires, as it was said', async () => {
    const client = sdk(cluster().url)
    const ExpiresString = 'Thu, 01 Dec 2044 16:00:00 GMT'
    const Expires = new Date(ExpiresString)
    await client.send(new PutObjectCommand({ Bucket, Key: 'expires', Body: 'x', Expires }))
    await client.send(new CopyObjectCommand({ Bucket, Key: 'expires-copy', CopySource: `${Bucket}/expires` }))
    for (const Key of ['expires', 'expires-copy']) {
      expect(await read(client, Key)).toMatchObject({ ExpiresString })
      expect((await get(`${cluster().url}/${Bucket}/${Key}`)).headers.get('expires')).toBe(ExpiresString)
    }
    const put = new PutObjectCommand({ Bucket, Key: 'expires', Body: 'x' })
    put.middlewareStack.add(
      next => args => {
        ;(args.request as { headers: Record<string, string> }).headers.expires = 'soon'
        return next(args)
      },
      { step: 'build' },
    )
    await client.send(put)
    expect(await read(client, 'expires')).toMatchObject({ ExpiresString: 'soon' })
  })

  it('deletes one, many, and what is not there', async () => {
    const client = sdk(cluster().url)
    for (const Key of ['d/1', 'd/2 &', 'd/3']) await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))
    const many = ['d/1', 'd/2 &', 'd/absent', 'd/../x'].map(Key => ({ Key }))
    const { Deleted, Errors } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: many } }))
    expect(Deleted?.map(({ Key }) => Key)).toEqual(['d/1', 'd/2 &', 'd/absent'])
    expect(Errors?.map(({ Key, Code }) => [Key, Code])).toEqual([['d/../x', 'InvalidRequest']])
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'd/3' }))
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'd/3' }))
    expect(await refusal(read(client, 'd/3'))).toEqual({ status: 404, code: 'NoSuchKey' })
  })

  it('knows its buckets', async () => {
    const client = sdk(cluster().url)
    expect((await client.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toEqual(['media'])
    await client.send(new HeadBucketCommand({ Bucket }))
    expect(await refusal(client.send(new HeadBucketCommand({ Bucket: 'absent' })))).toMatchObject({ status: 404 })
    expect(await refusal(client.send(new CreateBucketCommand({ Bucket })))).toMatchObject({
      code: 'BucketAlreadyOwnedByYou',
    })
    expect(await refusal(client.send(new CreateBucketCommand({ Bucket: 'absent' })))).toEqual({
      status: 403,
      code: 'AccessDenied',
    })
    expect((await client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint).toBe('EU')
    expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBeUndefined()
    expect((await client.send(new GetBucketAclCommand({ Bucket }))).Grants?.[0]?.Permission).toBe('FULL_CONTROL')
  })

  it('changes nothing when it is asked for what it cannot do', async () => {
    const client = sdk(cluster().url)
    await client.send(new PutObjectCommand({ Bucket, Key: 'kept', Body: 'kept' }))
    const calls = [
      new PutObjectAclCommand({ Bucket, Key: 'kept', ACL: 'public-read' }),
      new PutObjectTaggingCommand({ Bucket, Key: 'kept', Tagging: { TagSet: [{ Key: 'a', Value: 'b' }] } }),
      new PutObjectCommand({ Bucket, Key: 'kept', Body: 'x', ServerSideEncryption: 'AES256' }),
      new PutObjectCommand({ Bucket, Key: 'kept', Body: 'x', Tagging: 'a=b' }),
      new DeleteObjectCommand({ Bucket, Key: 'kept', VersionId: 'v1' }),
      new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [] } }),
    ]
    const condition = { Bucket, Key: 'kept', IfMatch: '"other"' }
    const many = { Objects: [{ Key: 'kept', ETag: '"other"' }] }
    const conditional = [new DeleteObjectCommand(condition), new DeleteObjectsCommand({ Bucket, Delete: many })]
    for (const call of [...calls, ...conditional]) {
      expect(await refusal(client.send(call as PutObjectCommand))).toEqual({ status: 501, code: 'NotImplemented' })
    }
    expect((await read(client, 'kept')).bytes.toString()).toBe('kept')
  })

  it('is told at once what a write changed', async () => {
    const { url } = cluster()
    const client = sdk(url)
    const put = async (Body: string) => client.send(new PutObjectCommand({ Bucket, Key: 'news.txt', Body }))
    for (const text of ['one', 'two', 'three']) {
      await put(text)
      for (let i = 0; i < 3; i++) expect((await get(`${url}/media/news.txt`)).text).toBe(text)
    }
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'news.txt' }))
    expect((await get(`${url}/media/news.txt`)).status).toBe(404)
  })

  it('makes derivatives of what was uploaded, and takes none as an upload', async () => {
    const { url } = cluster()
    const client = sdk(url)
    const Body = await photo(300, 200)
    await client.send(new PutObjectCommand({ Bucket, Key: 'photo.jpg', Body, ContentType: 'image/jpeg' }))
    expect((await get(`${url}/media/photo.jpg?width=100`)).headers.get('x-amz-meta-public-height')).toBe('67')
    const { putPresigned, getPresigned } = await presigned(url, 'photo.jpg', { width: '100' })
    const answer = await send(putPresigned, { method: 'PUT', body: 'x' })
    expect([answer.status, /<Code>(.*)<\/Code>/.exec(answer.text)?.[1]]).toEqual([405, 'MethodNotAllowed'])
    const signedRead = await get(getPresigned)
    expect([signedRead.status, signedRead.headers.get('x-amz-meta-public-width')]).toEqual([200, '100'])
    expect(signedRead.headers.get('x-amz-request-id')).not.toBeNull()
  })

  it('says in words of S3 why there is no derivative for who signed', async () => {
    const { url } = cluster()
    const client = sdk(url)
    await client.send(new PutObjectCommand({ Bucket, Key: 'no.jpg', Body: 'text', ContentType: 'image/jpeg' }))
    await client.send(
      new PutObjectCommand({ Bucket, Key: 'yes.jpg', Body: await photo(30, 20), ContentType: 'image/jpeg' }),
    )
    const ask = async (key: string, headers = {}, width = '10') => {
      const { getPresigned } = await presigned(url, key, { width })
      const { status, text, headers: fields } = await get(getPresigned, headers)
      return [status, fields.get('content-type'), /<Code>(.*)<\/Code>/.exec(text)?.[1], /<RequestId>.+</.test(text)]
    }
    expect(await ask('absent.jpg')).toEqual([404, 'application/xml', 'NoSuchKey', true])
    expect(await ask('no.jpg')).toEqual([400, 'application/xml', 'InvalidRequest', true])
    expect(await ask('yes.jpg', {}, 'wide')).toEqual([400, 'application/xml', 'InvalidRequest', true])
    expect(await ask('yes.jpg', { 'if-match': '"x"' })).toEqual([412, 'application/xml', 'PreconditionFailed', true])
    expect(await ask('yes.jpg', { range: 'bytes=99999999-' })).toEqual([416, 'application/xml', 'InvalidRange', true])
    expect((await get(`${url}/${Bucket}/absent.jpg?width=10`)).headers.get('content-type')).toBe('text/plain')
  })

  it.each([
    ['PUT', '/media/x', 401],
    ['DELETE', '/media/x', 401],
    ['POST', '/media?delete', 401],
    ['PUT', '/absent/x', 403],
    ['GET', '/', 403],
  ])('says no to %s %s without a signature as mort does', async (method, target, status) => {
    const answer = await send(cluster().url + target, { method })
    expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([status, '', 'text/plain'])
  })

  it('says who is unknown and who is not who he says', async () => {
    const { url } = cluster()
    const list = (more: object) => refusal(sdk(url, more).send(new HeadObjectCommand({ Bucket, Key: 'x' })))
    expect((await list({ accessKeyId: 'nobody' })).status).toBe(401)
    expect((await list({ secretAccessKey: 'wrong' })).status).toBe(403)
    const put = (more: object) =>
      refusal(sdk(url, more).send(new PutObjectCommand({ Bucket, Key: 'forged', Body: 'forged' })))
    expect(await put({ accessKeyId: 'nobody' })).toEqual({ status: 401, code: 'InvalidAccessKeyId' })
    expect(await put({ secretAccessKey: 'wrong' })).toEqual({ status: 403, code: 'SignatureDoesNotMatch' })
    expect((await get(`${url}/media/forged`)).status).toBe(404)
    expect((await get(`${url}/media?prefix=`, { authorization: 'Bearer token' })).status).toBe(200)
  })

  it('serves the minio client as well', async () => {
    const client = minio(cluster().url)
    await client.putObject('media', 'minio/ä b.txt', 'text', 4, { 'Content-Type': 'text/plain', more: 'yes' })
    const { metaData, etag } = await client.statObject('media', 'minio/ä b.txt')
    expect(metaData).toMatchObject({ 'content-type': 'text/plain', more: 'yes' })
    expect(etag).toBe(md5(Buffer.from('text')))
    expect(await client.bucketExists('media')).toBe(true)
    await client.removeObjects('media', ['minio/ä b.txt'])
    await expect(client.statObject('media', 'minio/ä b.txt')).rejects.toMatchObject({ code: 'NotFound' })
  })
})

function crcOf(bytes: string | Uint8Array): string {
  return Buffer.from(crc32(bytes).toString(16).padStart(8, '0'), 'hex').toString('base64')
}

async function presigned(url: string, key: string, query: Record<string, string>) {
  const client = minio(url)
  const sign = (method: string) => client.presignedUrl(method, 'media', key, 60, query)
  return { putPresigned: await sign('PUT'), getPresigned: await sign('GET') }
}
