import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { CopyDestinationOptions, CopySourceOptions } from 'minio'
import { expect, it } from 'vitest'
import { get, send } from './client.ts'
import { describeBackings, digest, keysOf, MiB, objectsOf, workFolder, writeLarge } from './s3-backings.ts'
import { minio, refusal, sdk } from './s3-site.ts'

const work = await workFolder()
const Bucket = 'media'
const atOnce = 16
const many = Array.from({ length: 1005 }, (_, i) => `${i + 1000}`)

/** Puts an object under each name, some at a time. */
async function fill(put: (name: string) => Promise<unknown>): Promise<void> {
  const names = many.values()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const name of names) await put(name)
    }),
  )
}

await describeBackings('libraries', (cluster, backing) => {
  // Larger than what goes to MinIO in one piece, too.
  const size = (backing === 'files' ? 200 : 72) * MiB

  it('the SDK copies and moves between buckets, and deletes', async () => {
    const { url } = cluster()
    const client = sdk(url)
    const Key = 'sdk/ä b+c'
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'text', ContentType: 'a/b', Metadata: { m: '1' } }))
    const CopySource = `media/${encodeURIComponent(Key)}`
    await client.send(new CopyObjectCommand({ Bucket: 'other', Key, CopySource }))
    await client.send(new DeleteObjectCommand({ Bucket, Key }))
    expect(await keysOf(url, 'media', 'sdk/')).toEqual([])
    const { Body, ...facts } = await client.send(new GetObjectCommand({ Bucket: 'other', Key }))
    expect(facts).toMatchObject({ ContentType: 'a/b', Metadata: { m: '1' } })
    expect(await Body?.transformToString()).toBe('text')
    expect(await refusal(client.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 })
  })

  it('the SDK lists, pages through and deletes 1005 objects', async () => {
    const { url } = cluster()
    const client = sdk(url)
    await fill(name => client.send(new PutObjectCommand({ Bucket, Key: `sdk-many/${name}`, Body: name })))
    expect(await keysOf(url, Bucket, 'sdk-many/')).toEqual(many)
    const first = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'sdk-many/' }))
    expect([first.KeyCount, first.IsTruncated]).toEqual([1000, true])
    const folders = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'sdk-', Delimiter: '/' }))
    expect([folders.CommonPrefixes, folders.Contents]).toEqual([[{ Prefix: 'sdk-many/' }], undefined])
    const remove = (names: string[]) => {
      const Objects = names.map(name => ({ Key: `sdk-many/${name}` }))
      return client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
    }
    expect(await refusal(remove(many))).toEqual({ status: 400, code: 'MalformedXML' })
    expect((await remove(many.slice(0, 1000))).Deleted?.length).toBe(1000)
    expect(await keysOf(url, Bucket, 'sdk-many/')).toEqual(many.slice(1000))
    await remove(many.slice(1000))
    expect(await keysOf(url, Bucket, 'sdk-many/')).toEqual([])
  })

  it('the SDK signs URLs by which anybody reads and writes', async () => {
    const client = sdk(cluster().url)
    const Key = 'sdk/signed ü'
    const put = new PutObjectCommand({ Bucket, Key, ContentType: 'text/x' })
    const signed = await getSignedUrl(client, put, { expiresIn: 60, signableHeaders: new Set(['content-type']) })
    expect((await send(signed, { method: 'PUT', body: 'x', headers: { 'content-type': 'text/y' } })).status).toBe(403)
    const headers = { 'content-type': 'text/x' }
    expect((await send(signed, { method: 'PUT', body: 'signed', headers })).status).toBe(200)
    const read = await get(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 }))
    expect([read.text, read.headers.get('content-type')]).toEqual(['signed', 'text/x'])
  })

  it('lib-storage stores a large file in parts, of which each can be read', async () => {
    const client = sdk(cluster().url)
    const file = await writeLarge(path.join(work, 'large'), size)
    const partSize = 8 * MiB
    const params = { Bucket, Key: 'large', Body: await readFile(file), Metadata: { m: '1' } }
    const { ETag } = await new Upload({ client, params, partSize }).done()
    const back = path.join(work, 'back')
    const whole = await client.send(new GetObjectCommand({ Bucket, Key: 'large' }))
    expect(whole).toMatchObject({ ETag, ContentLength: size, Metadata: { m: '1' } })
    await writeFile(back, whole.Body!.transformToWebStream())
    expect(await digest(back)).toBe(await digest(file))
    const third = await client.send(new GetObjectCommand({ Bucket, Key: 'large', PartNumber: 3, IfMatch: ETag }))
    expect(third.PartsCount).toBe(size / partSize)
    const bytes = Buffer.from(await third.Body!.transformToByteArray())
    expect(bytes.equals(params.Body.subarray(2 * partSize, 3 * partSize))).toBe(true)
    const attributes = await client.send(
      new GetObjectAttributesCommand({ Bucket, Key: 'large', ObjectAttributes: ['ObjectParts', 'ObjectSize'] }),
    )
    expect(attributes).toMatchObject({ ObjectSize: size, ObjectParts: { TotalPartsCount: size / partSize } })
  })

  it('the minio client stores a large file in parts, composes it with another, and reads it back', async () => {
    const client = minio(cluster().url, { partSize: 16 * MiB })
    const file = await writeLarge(path.join(work, 'minio-large'), size)
    const back = path.join(work, 'minio-back')
    await client.fPutObject(Bucket, 'minio-large', file, { 'Content-Type': 'a/b', m: '1' })
    await client.fGetObject(Bucket, 'minio-large', back)
    expect(await digest(back)).toBe(await digest(file))
    const { metaData, size: told } = await client.statObject(Bucket, 'minio-large')
    expect([told, metaData]).toEqual([size, expect.objectContaining({ 'content-type': 'a/b', m: '1' })])
    await client.putObject('other', 'tail', 'tail')
    const sources = [
      // This client begins at the first byte, whatever `Start` says.
      { Bucket, Object: 'minio-large', MatchRange: true, Start: 0, End: 6 * MiB - 1 },
      { Bucket: 'other', Object: 'tail' },
    ]
    await client.composeObject(
      new CopyDestinationOptions({ Bucket, Object: 'minio-composed' }),
      sources.map(source => new CopySourceOptions(source)),
    )
    const composed = Buffer.from((await get(`${cluster().url}/media/minio-composed`)).bytes)
    const wanted = (await readFile(file)).subarray(0, 6 * MiB)
    expect(composed.equals(Buffer.concat([wanted, Buffer.from('tail')]))).toBe(true)
  })

  it('the minio client lists, reads pieces, copies, moves and signs', async () => {
    const { url } = cluster()
    const client = minio(url)
    for (const name of ['a b+c', 'deep/ü', 'deep/er/ö']) await client.putObject(Bucket, `minio/${name}`, name)
    const listed = async (recursive: boolean) =>
      (await client.listObjectsV2(Bucket, 'minio/', recursive).toArray()).map(({ name, prefix }) => name ?? prefix)
    expect(await listed(true)).toEqual(['minio/a b+c', 'minio/deep/er/ö', 'minio/deep/ü'])
    expect((await listed(false)).sort()).toEqual(['minio/a b+c', 'minio/deep/'])
    const piece = await client.getPartialObject(Bucket, 'minio/a b+c', 2, 3)
    expect(Buffer.concat(await piece.toArray()).toString()).toBe('b+c')
    await client.copyObject('other', 'minio/moved', '/media/minio/a b+c')
    await client.removeObject(Bucket, 'minio/a b+c')
    expect((await get(`${url}/other/minio/moved`)).text).toBe('a b+c')
    const put = await client.presignedPutObject(Bucket, 'minio/signed ü', 60)
    expect((await send(put, { method: 'PUT', body: 'signed' })).status).toBe(200)
    const read = await client.presignedGetObject(Bucket, 'minio/signed ü', 60, { 'response-content-type': 'text/z' })
    const answer = await get(read)
    expect([answer.text, answer.headers.get('content-type')]).toEqual(['signed', 'text/z'])
  })

  it('the minio client posts a form by a policy', async () => {
    const { url } = cluster()
    const client = minio(url)
    const policy = client.newPostPolicy()
    policy.setBucket(Bucket)
    policy.setKey('minio-form/ü')
    policy.setExpires(new Date(Date.now() + 60_000))
    policy.setContentLengthRange(1, 100)
    const { formData } = await client.presignedPostPolicy(policy)
    const post = (text: string) => {
      const body = new FormData()
      for (const [name, value] of Object.entries(formData)) body.append(name, value)
      body.append('file', new Blob([text]))
      return fetch(`${url}/${Bucket}`, { method: 'POST', body })
    }
    expect((await post('x'.repeat(101))).status).toBe(400)
    expect(await keysOf(url, Bucket, 'minio-form/')).toEqual([])
    expect((await post('posted')).status).toBe(204)
    expect((await get(`${url}/media/minio-form/ü`)).text).toBe('posted')
  })

  it('the minio client lists and deletes 1005 objects', async () => {
    const { url } = cluster()
    const client = minio(url)
    await fill(name => client.putObject(Bucket, `minio-many/${name}`, name))
    const listed = await client.listObjectsV2(Bucket, 'minio-many/', true).toArray()
    expect(listed.map(({ name }) => name)).toEqual(many.map(name => `minio-many/${name}`))
    await client.removeObjects(
      Bucket,
      many.map(name => `minio-many/${name}`),
    )
    expect(await objectsOf(url, Bucket, 'minio-many/')).toEqual({})
  })
})
