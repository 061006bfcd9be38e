import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandOutput,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3'
import { beforeAll, expect, it } from 'vitest'
import { describeModes } from '../modes.ts'
import { get, head } from './client.ts'
import { keys, minio, refusal, s3Site, sdk } from './s3-site.ts'

const { folder, storages } = await s3Site()
const Bucket = 'media'
const names = ['a b.txt', 'a/b/c', 'a/b/d', 'a-b', 'a.b', 'main.css', 'z&<>.txt', 'ü/ö', '😀', '\uffee']
const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
for (const name of ['media', 'media-derivatives', 'closed', 'closed-derivatives']) await mkdir(path.join(folder, name))

async function setUp() {
  const bucket = (name: string, more: object = {}) => ({ keys: [keys], storages: storages(name), ...more })
  return { config: { buckets: { media: bucket('media'), closed: bucket('closed', { private: true }) } } }
}

describeModes('listings of the S3 API', setUp, cluster => {
  beforeAll(async () => {
    const client = minio(cluster().url)
    for (const name of names) await client.putObject(Bucket, name, name)
    await client.putObject('closed', 'secret.txt', 'secret')
  })

  const list = (more: Partial<ListObjectsV2CommandInput> = {}) =>
    sdk(cluster().url).send(new ListObjectsV2Command({ Bucket, ...more }))

  it('tells all keys in the order of their bytes', async () => {
    const { Contents, KeyCount, IsTruncated, Name } = await list()
    expect(Contents?.map(({ Key }) => Key)).toEqual(sorted)
    expect([KeyCount, IsTruncated, Name]).toEqual([names.length, false, Bucket])
    expect(Contents?.[0]).toMatchObject({ Size: Buffer.byteLength(sorted[0]!), StorageClass: 'STANDARD' })
    expect(Contents?.[0]?.ETag).toMatch(/^"[0-9a-f]{32}"$/)
  })

  it.each([1, 2, 3, 100])('tells the same in pages of %i', async pageSize => {
    const found: (string | undefined)[] = []
    const pages = paginateListObjectsV2({ client: sdk(cluster().url), pageSize }, { Bucket, EncodingType: 'url' })
    for await (const { Contents } of pages) found.push(...(Contents?.map(({ Key }) => Key) ?? []))
    expect(found.map(key => decodeURIComponent(key ?? ''))).toEqual(sorted)
  })

  it('tells folders once', async () => {
    const { Contents, CommonPrefixes } = await list({ Delimiter: '/' })
    expect(CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual(['a/', 'ü/'])
    expect(Contents?.map(({ Key }) => Key)).toEqual(sorted.filter(name => !name.includes('/')))
    expect((await list({ Delimiter: '/', Prefix: 'a/' })).CommonPrefixes).toEqual([{ Prefix: 'a/b/' }])
    expect((await list({ Prefix: 'a/b' })).KeyCount).toBe(2)
    expect((await list({ Prefix: 'absent/' })).KeyCount).toBe(0)
    expect((await list({ Prefix: '../' })).KeyCount).toBe(0)
    expect((await list({ Prefix: '.mortise/' })).KeyCount).toBe(0)
  })

  it('begins behind a key', async () => {
    expect((await list({ StartAfter: 'main.css' })).Contents?.map(({ Key }) => Key)).toEqual(
      sorted.filter(name => Buffer.compare(Buffer.from(name), Buffer.from('main.css')) > 0),
    )
    expect((await list({ MaxKeys: 0 })).KeyCount).toBe(0)
    expect((await list({ FetchOwner: true })).Contents?.[0]?.Owner?.ID).toBe(keys.accessKey)
    expect(await refusal(list({ MaxKeys: -1 }))).toEqual({ status: 400, code: 'InvalidArgument' })
    expect(await refusal(list({ ContinuationToken: 'bogus' }))).toEqual({ status: 400, code: 'InvalidArgument' })
    expect(await refusal(list({ Bucket: 'absent' }))).toEqual({ status: 404, code: 'NoSuchBucket' })
  })

  it('goes on by markers in the old version, and tells the folders at the top as mort does', async () => {
    const client = sdk(cluster().url)
    const found: (string | undefined)[] = []
    for (let Marker: string | undefined; ; ) {
      const page = await client.send(new ListObjectsCommand({ Bucket, MaxKeys: 3, ...(Marker ? { Marker } : {}) }))
      found.push(...(page.Contents?.map(({ Key }) => Key) ?? []))
      if (!page.IsTruncated) break
      Marker = page.NextMarker
    }
    expect(found).toEqual(sorted)
    const { CommonPrefixes } = await client.send(new ListObjectsCommand({ Bucket }))
    expect(CommonPrefixes).toEqual([{ Prefix: 'a/' }, { Prefix: 'ü/' }])
  })

  it('tells a bucket to anybody, but for a private one', async () => {
    const { url } = cluster()
    const open = await get(`${url}/media?delimiter=/`)
    expect([open.status, open.headers.get('content-type')]).toEqual([200, 'application/xml'])
    expect(open.text).toContain('<Key>z&amp;&lt;&gt;.txt</Key>')
    expect(open.text).not.toContain('Owner')
    expect((await head(`${url}/media`)).status).toBe(200)
    expect((await get(`${url}/media?max-keys=-5`)).status).toBe(400)
    expect((await get(`${url}/absent`)).status).toBe(400)
    expect((await get(`${url}/media?acl`)).status).toBe(403)
    for (const target of ['/closed', '/closed/secret.txt']) {
      const { status, text } = await get(url + target)
      expect([status, text]).toEqual([403, ''])
    }
    expect((await minio(url).listObjectsV2('closed', '', true).toArray()).map(({ name }) => name)).toEqual([
      'secret.txt',
    ])
    const signed = await minio(url).presignedGetObject('closed', 'secret.txt', 60)
    for (let i = 0; i < 2; i++) expect((await get(signed)).text).toBe('secret')
    expect((await get(`${url}/closed/secret.txt`)).status).toBe(403)
  })

  it('tells uploads that are not complete in pages, each once', async () => {
    const client = sdk(cluster().url)
    const wanted = ['u/b/1', 'u/a', 'u/c', 'u/b/2', 'u/a', 'u/😀', 'v']
    const begin = (Key: string) => client.send(new CreateMultipartUploadCommand({ Bucket, Key }))
    const begun: CreateMultipartUploadCommandOutput[] = []
    for (const Key of wanted) begun.push(await begin(Key))
    const pages = async (more: object) => {
      const found: string[] = []
      for (let at = {}; ; ) {
        const input = { Bucket, EncodingType: 'url' as const, ...more, ...at }
        const page = await client.send(new ListMultipartUploadsCommand(input))
        const told = [...(page.Uploads ?? []).map(({ Key }) => Key), ...(page.CommonPrefixes ?? []).map(p => p.Prefix)]
        found.push(...told.map(text => decodeURIComponent(text ?? '')))
        if (!page.IsTruncated) return found
        expect(told.length).toBeGreaterThan(0)
        const [KeyMarker, UploadIdMarker] = [decodeURIComponent(page.NextKeyMarker ?? ''), page.NextUploadIdMarker]
        at = UploadIdMarker ? { KeyMarker, UploadIdMarker } : { KeyMarker }
      }
    }
    for (const MaxUploads of [1, 2, 3, 1000]) {
      expect(await pages({ MaxUploads })).toEqual(['u/a', 'u/a', 'u/b/1', 'u/b/2', 'u/c', 'u/😀', 'v'])
      const folders = await pages({ MaxUploads, Prefix: 'u/', Delimiter: '/' })
      expect(folders.toSorted()).toEqual(['u/a', 'u/a', 'u/b/', 'u/c', 'u/😀'])
    }
    for (const { Key, UploadId } of begun) {
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
    }
    expect(await pages({})).toEqual([])
  })

  it('does not hand out what it keeps for itself', async () => {
    const kept = path.join(folder, 'media', 'media', '.mortise', 'uploads')
    await mkdir(kept, { recursive: true })
    await writeFile(path.join(kept, 'record'), 'x')
    const { url } = cluster()
    for (const target of ['.mortise/uploads/record', '.MORTISE/uploads/record', '/.mortise//uploads/record']) {
      expect((await get(`${url}/media/${target}`)).status).toBe(404)
    }
    expect((await list()).KeyCount).toBe(names.length)
    await sdk(url).send(new PutObjectCommand({ Bucket, Key: names[0], Body: names[0] }))
  })
})
