import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, startCluster } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { findMoto, startMoto } from '../servers/moto.ts'
import { findMinio, startMinio } from '../servers/s3.ts'
import { derivative, get, pictureOf } from './client.ts'
import { keys, refusal, s3Site, sdk } from './s3-site.ts'

const library = await findMoto()
const minio = await findMinio()
const { folder, storages } = await s3Site()
/** Where every key is one of its own, and where keys are names of files. */
const exact = ['memory', ...(library === null ? [] : ['plain-s3', 'prefixed'])]
const files = ['local-meta', 'local', ...(minio === null ? [] : ['on-minio'])]
const clean: (() => Promise<void>)[] = []
let cluster: Cluster

async function storagesOn(): Promise<Record<string, object>> {
  const found: Record<string, object> = { memory: { kind: 'memory' } }
  for (const kind of ['local-meta', 'local']) found[kind] = { kind, rootPath: path.join(folder, kind) }
  if (library !== null) {
    const { storage, stop, createContainer } = await startMoto(library)
    clean.push(stop)
    for (const name of ['plain-s3', 'prefixed']) await createContainer(name)
    found['plain-s3'] = { kind: 's3', ...storage }
    found.prefixed = { kind: 's3', ...storage, pathPrefix: 'in/here' }
  }
  if (minio !== null) {
    const { stop, createBucket, endpoint, accessKey, secretAccessKey } = await startMinio(minio)
    clean.push(stop)
    await createBucket('on-minio')
    found['on-minio'] = { kind: 's3', endpoint, accessKey, secretAccessKey, pathPrefix: 'in' }
  }
  return found
}

beforeAll(async () => {
  for (const name of [...exact, ...files]) await mkdir(path.join(folder, `${name}-derivatives`))
  for (const name of ['local-meta', 'local']) await mkdir(path.join(folder, name))
  const bucket = ([name, basic]: [string, object]) => [
    name,
    { keys: [keys], storages: { ...storages(name), basic }, transform: { kind: 'query' } },
  ]
  const buckets = Object.fromEntries(Object.entries(await storagesOn()).map(bucket))
  const headers = [{ statusCodes: [200], values: { 'cache-control': 'max-age=600' } }]
  const config: object = { headers, buckets }
  cluster = await startCluster('embedded', config)
})
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  for (const stop of clean) await stop()
})

const client = () => sdk(cluster.url)
const put = (Bucket: string, Key: string, Body: string | Uint8Array = Key, more: object = {}) =>
  client().send(new PutObjectCommand({ Bucket, Key, Body, ...more }))
const remove = (Bucket: string, Key: string) => client().send(new DeleteObjectCommand({ Bucket, Key }))

/** What is stored, as text; `null` for nothing. */
async function read(Bucket: string, Key: string): Promise<string | null> {
  try {
    const { Body } = await client().send(new GetObjectCommand({ Bucket, Key }))
    return (await Body?.transformToString()) ?? ''
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return null
    throw error
  }
}

async function list(Bucket: string, more: Partial<ListObjectsV2CommandInput> = {}) {
  const { Contents = [], CommonPrefixes = [] } = await client().send(new ListObjectsV2Command({ Bucket, ...more }))
  return { keys: Contents.map(({ Key = '' }) => Key), prefixes: CommonPrefixes.map(({ Prefix }) => Prefix) }
}

afterEach(async () => {
  for (const Bucket of [...exact, ...files]) {
    for (const Key of (await list(Bucket)).keys) await remove(Bucket, Key)
  }
})

const slashes = ['a/b', 'a//b', '/a/b', '//a/b', 'a/b//', 'a///b', '/', '//']

describe.each(exact)('keys that repeat a slash, on %s', Bucket => {
  it('are those of objects of their own, by header and by URL', async () => {
    for (const Key of slashes) await put(Bucket, Key)
    for (const Key of slashes) {
      expect(await read(Bucket, Key)).toBe(Key)
      const head = await client().send(new HeadObjectCommand({ Bucket, Key }))
      expect(head.ContentLength).toBe(Key.length)
      const url = await getSignedUrl(client(), new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 })
      expect(await (await fetch(url)).text()).toBe(Key)
    }
    const url = await getSignedUrl(client(), new PutObjectCommand({ Bucket, Key: 'a//b' }), { expiresIn: 60 })
    expect((await fetch(url, { method: 'PUT', body: 'by URL' })).status).toBe(200)
    expect([await read(Bucket, 'a//b'), await read(Bucket, 'a/b')]).toEqual(['by URL', 'a/b'])
    for (const gone of slashes.keys()) {
      await remove(Bucket, slashes[gone]!)
      const left = slashes.map((key, at) => (at <= gone ? null : key === 'a//b' ? 'by URL' : key))
      expect(await Promise.all(slashes.map(key => read(Bucket, key)))).toEqual(left)
    }
  })

  it('show in listings as what they are', async () => {
    for (const Key of [...slashes, 'b']) await put(Bucket, Key)
    const sorted = ['/', '//', '//a/b', '/a/b', 'a///b', 'a//b', 'a/b', 'a/b//', 'b']
    expect(await list(Bucket)).toEqual({ keys: sorted, prefixes: [] })
    expect(await list(Bucket, { EncodingType: 'url' })).toEqual({ keys: sorted, prefixes: [] })
    expect(await list(Bucket, { Delimiter: '/' })).toEqual({ keys: ['b'], prefixes: ['/', 'a/'] })
    expect(await list(Bucket, { Delimiter: '/', Prefix: '/' })).toEqual({ keys: ['/'], prefixes: ['//', '/a/'] })
    expect(await list(Bucket, { Delimiter: '/', Prefix: 'a/' })).toEqual({ keys: ['a/b'], prefixes: ['a//', 'a/b/'] })
    expect(await list(Bucket, { Delimiter: '/', Prefix: 'a//' })).toEqual({ keys: ['a//b'], prefixes: ['a///'] })
    expect((await list(Bucket, { StartAfter: 'a//b' })).keys).toEqual(['a/b', 'a/b//', 'b'])
    const told: (string | undefined)[] = []
    for (let Marker: string | undefined = ''; Marker !== undefined; ) {
      const page: { NextMarker?: string; Contents?: { Key?: string }[] } = await client().send(
        new ListObjectsCommand({ Bucket, Marker, MaxKeys: 1 }),
      )
      told.push(...(page.Contents ?? []).map(({ Key }) => Key))
      Marker = page.NextMarker
    }
    expect(told).toEqual(sorted)
    const Objects = sorted.map(Key => ({ Key }))
    const { Deleted, Errors } = await client().send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
    expect([Deleted?.map(({ Key }) => Key), Errors]).toEqual([sorted, undefined])
    expect((await list(Bucket)).keys).toEqual([])
  })

  it('are copied from and to', async () => {
    await put(Bucket, 'a/b', 'one slash')
    await put(Bucket, 'a//b', 'two slashes')
    await client().send(new CopyObjectCommand({ Bucket, Key: '/copy', CopySource: `${Bucket}/a//b` }))
    await client().send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `/${Bucket}/a/b` }))
    expect([await read(Bucket, '/copy'), await read(Bucket, 'copy')]).toEqual(['two slashes', 'one slash'])
    const itself = new CopyObjectCommand({ Bucket, Key: 'a/b', CopySource: `${Bucket}/a//b` })
    await client().send(itself)
    expect(await read(Bucket, 'a/b')).toBe('two slashes')
  })

  it('are uploaded in parts', async () => {
    const Key = '/deep//object'
    const { UploadId } = await client().send(new CreateMultipartUploadCommand({ Bucket, Key }))
    const open = await client().send(new ListMultipartUploadsCommand({ Bucket, Prefix: '/deep//' }))
    expect(open.Uploads?.map(upload => upload.Key)).toEqual([Key])
    const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.alloc(5 * 1024 ** 2, 'a') })
    const first = await client().send(part)
    await put(Bucket, 'end//', 'the end')
    const copy = { Bucket, Key, UploadId, PartNumber: 2, CopySource: `${Bucket}/end//` }
    const { CopyPartResult } = await client().send(new UploadPartCopyCommand(copy))
    const other = new UploadPartCommand({ Bucket, Key: 'deep/object', UploadId, PartNumber: 3, Body: 'x' })
    expect(await refusal(client().send(other))).toEqual({ status: 404, code: 'NoSuchUpload' })
    const Parts = [first.ETag, CopyPartResult?.ETag].map((ETag, at) => ({ ETag, PartNumber: at + 1 }))
    const whole = { Bucket, Key, UploadId, MultipartUpload: { Parts } }
    expect((await client().send(new CompleteMultipartUploadCommand(whole))).Key).toBe(Key)
    expect((await read(Bucket, Key))?.slice(-9)).toBe('aathe end')
    expect((await list(Bucket)).keys).toEqual([Key, 'end//'])
  })

  it('lead everybody else to the key with single slashes, before and after any write', async () => {
    const [one, two, three] = [await photo(60, 40), await photo(90, 30), await photo(30, 90)]
    const type = { ContentType: 'image/jpeg' }
    const spellings = ['a/c.jpg', 'a//c.jpg', '/a/c.jpg']
    const seen = async () => {
      const originals = await Promise.all(spellings.map(key => get(`${cluster.url}/${Bucket}/${key}`)))
      const made = await Promise.all(spellings.map(key => get(`${cluster.url}/${Bucket}/${key}?width=10`)))
      return { originals: originals.map(({ status }) => status), made: await Promise.all(made.map(pictureOf)) }
    }
    await put(Bucket, 'a//c.jpg', two, type)
    await put(Bucket, '/a/c.jpg', three, type)
    expect((await seen()).originals).toEqual([404, 404, 404])
    expect((await seen()).made.map(({ status }) => status)).toEqual([404, 404, 404])
    await put(Bucket, 'a/c.jpg', one, type)
    for (const _ of ['made', 'cached']) {
      const { originals, made } = await seen()
      expect(originals).toEqual([200, 200, 200])
      expect(made).toEqual(Array(3).fill(derivative('10x7')))
    }
    for (const [key, picture] of [
      ['a/c.jpg', one],
      ['a//c.jpg', two],
      ['/a/c.jpg', three],
    ] as const) {
      const { Body } = await client().send(new GetObjectCommand({ Bucket, Key: key }))
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(picture)).toBe(true)
    }
    // Who signed for one object gets that one, and nothing that is made of another.
    const url = await getSignedUrl(client(), new GetObjectCommand({ Bucket, Key: 'a//c.jpg' }), { expiresIn: 60 })
    expect(Buffer.from((await get(url)).bytes).equals(two)).toBe(true)
    await remove(Bucket, 'a//c.jpg')
    expect((await get(url)).status).toBe(404)
    expect((await seen()).made).toEqual(Array(3).fill(derivative('10x7')))
  })

  it('do not lead into what is reserved, nor out of the bucket', async () => {
    for (const Key of ['/.mortise/uploads/x', '//.mortise//x', 'a//.MORTISE/x']) {
      expect(await refusal(put(Bucket, Key))).toEqual({ status: 404, code: 'NoSuchKey' })
    }
    for (const Key of ['//../x', 'a//../x', './/x', '/./x', 'a//..']) {
      expect(await refusal(put(Bucket, Key))).toEqual({ status: 400, code: 'InvalidURI' })
    }
    expect((await list(Bucket)).keys).toEqual([])
  })
})

describe.each(files)('keys that repeat a slash, on %s', Bucket => {
  it('are refused whatever is asked of them, with the reason', async () => {
    await put(Bucket, 'a/b')
    const reason = Bucket === 'on-minio' ? /refused by the S3 server/ : new RegExp(`repeats a slash, .* ${Bucket} `)
    for (const Key of slashes.slice(1)) {
      const get = () => client().send(new GetObjectCommand({ Bucket, Key }))
      for (const call of [() => put(Bucket, Key), () => remove(Bucket, Key), get]) {
        await expect(call()).rejects.toMatchObject({ name: 'InvalidArgument', message: expect.stringMatching(reason) })
      }
      expect((await refusal(client().send(new HeadObjectCommand({ Bucket, Key })))).status).toBe(400)
      const copy = new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/${Key}` })
      expect(await refusal(client().send(copy))).toEqual({ status: 400, code: 'InvalidArgument' })
    }
    const Objects = ['a//b', '/a/b', 'nothing'].map(Key => ({ Key }))
    const { Deleted, Errors } = await client().send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
    expect(Deleted?.map(({ Key }) => Key)).toEqual(['nothing'])
    expect(Errors?.map(({ Key, Code }) => [Key, Code])).toEqual([
      ['a//b', 'InvalidArgument'],
      ['/a/b', 'InvalidArgument'],
    ])
    for (const Prefix of ['/', 'a//', '//']) expect((await list(Bucket, { Prefix })).keys).toEqual([])
    expect([await read(Bucket, 'a/b'), (await list(Bucket)).keys]).toEqual(['a/b', ['a/b']])
  })
})

describe.each([...exact, ...files])('keys on %s', Bucket => {
  /** As much as there is room for, besides 1,005 bytes and what stands before the key. */
  const rest = { prefixed: 'x'.repeat(11), 'on-minio': 'x'.repeat(16) }[Bucket] ?? 'x'.repeat(19)

  const families: [name: string, family: string[]][] = [
    ['with spaces, plus and percent signs', ['a b', 'a+b', 'a%20b', 'a%2Bb', 'a%2Fb', 'a%252Fb', ' ', '%', '%zz']],
    ['with signs of URLs and of markup', [`&<>"'`, '&amp;', ']]>', '#?&=;,:@!$~^`|', '(1)*', 'a?b', 'a#b', 'a;b']],
    ['with accents, composed or not', ['\u00e9', 'e\u0301', 'e', '\u200b', '日本/🐈', '日本/🐕']],
    ['of the most bytes', [`${'é'.repeat(100)}/`.repeat(5) + rest, 'é']],
  ]

  it.each(families)('%s are told apart, and listed as they are', async (_, family) => {
    const sorted = family.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
    for (const Key of family) await put(Bucket, Key)
    expect(await Promise.all(family.map(key => read(Bucket, key)))).toEqual(family)
    expect((await list(Bucket)).keys).toEqual(sorted)
    const encoded = await client().send(new ListObjectsCommand({ Bucket, EncodingType: 'url' }))
    expect(encoded.Contents?.map(({ Key = '' }) => decodeURIComponent(Key))).toEqual(sorted)
    for (const key of family) expect((await list(Bucket, { Prefix: key })).keys[0]).toBe(key)
    const told: (string | undefined)[] = []
    for (let token: string | undefined = ''; token !== undefined; ) {
      const page: { Contents?: { Key?: string }[]; NextContinuationToken?: string } = await client().send(
        new ListObjectsV2Command({ Bucket, MaxKeys: 1, ...(token ? { ContinuationToken: token } : {}) }),
      )
      told.push(...(page.Contents ?? []).map(({ Key }) => Key))
      token = page.NextContinuationToken
    }
    expect(told).toEqual(sorted)
    for (const key of family) await remove(Bucket, key)
    expect((await list(Bucket)).keys).toEqual([])
  })

  it.each([
    [`long/${'é/'.repeat(340)}`, 'KeyTooLongError'],
    ['a/../b', 'InvalidURI'],
    ['..', 'InvalidURI'],
    ['.', 'InvalidURI'],
    ['./a', 'InvalidURI'],
    ['a/.', 'InvalidURI'],
    ['a\\b', 'InvalidURI'],
    ['a\nb', 'InvalidURI'],
    ['a\u007fb', 'InvalidURI'],
    ['a\u0000b', 'InvalidURI'],
  ])('like %j are refused', async (Key, code) => {
    expect(await refusal(put(Bucket, Key))).toEqual({ status: 400, code })
    expect(await refusal(client().send(new GetObjectCommand({ Bucket, Key })))).toEqual({ status: 400, code })
    expect((await list(Bucket)).keys).toEqual([])
  })

  it('may have more bytes between two slashes than a file system takes, where there is none', async () => {
    const [Key, longest] = ['x'.repeat(256), 'é'.repeat(127)]
    const answer = exact.includes(Bucket) ? { status: 200, code: '' } : { status: 400, code: 'InvalidArgument' }
    expect(await refusal(put(Bucket, Key))).toEqual(answer)
    await put(Bucket, longest)
    expect(await read(Bucket, longest)).toBe(longest)
  })

  it('with a slash at the end are folders to tools', async () => {
    await put(Bucket, 'made/', '')
    await put(Bucket, 'made/in/', '')
    await put(Bucket, 'other/object')
    expect((await client().send(new HeadObjectCommand({ Bucket, Key: 'made/in/' }))).ContentLength).toBe(0)
    expect(await read(Bucket, 'made/in/')).toBe('')
    expect(await read(Bucket, 'made')).toBeNull()
    expect(await list(Bucket, { Delimiter: '/' })).toEqual({ keys: [], prefixes: ['made/', 'other/'] })
    expect((await list(Bucket, { Prefix: 'made/in/' })).keys).toEqual(['made/in/'])
    expect((await get(`${cluster.url}/${Bucket}/made/in/`)).status).toBe(404)
    await remove(Bucket, 'other/')
    expect(await read(Bucket, 'other/object')).toBe('other/object')
    await remove(Bucket, 'made/in/')
    await remove(Bucket, 'made/')
    expect((await list(Bucket)).keys).toEqual(['other/object'])
  })
})

describe('files whose names no URL can be', () => {
  const names = ['bell\u0007.txt', 'line\nfeed.txt', 'return\rhere.txt'].map(name =>
    path.join(folder, 'local/local', name),
  )
  beforeAll(async () => {
    await mkdir(path.join(folder, 'local/local'), { recursive: true })
    for (const name of names) await writeFile(name, 'x')
  })
  // No client could delete them.
  afterEach(() => Promise.all(names.map(name => rm(name))))

  it('are listed in a form that XML can hold', async () => {
    const target = `${cluster.url}/local?list-type=2`
    const listed = [...(await get(target)).text.matchAll(/<Key>([\s\S]*?)<\/Key>/g)].map(([, key]) => key)
    expect(listed).toEqual(['bell\ufffd.txt', 'line\nfeed.txt', 'return\ufffdhere.txt'])
    const { text } = await get(`${target}&encoding-type=url`)
    const encoded = [...text.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key)
    expect(encoded).toEqual(['bell%07.txt', 'line%0Afeed.txt', 'return%0Dhere.txt'])
  })
})
