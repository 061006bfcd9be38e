import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Part, startPart } from '../cluster.ts'
import { startAzurite } from '../servers/azurite.ts'
import { findGcs, startGcs } from '../servers/gcs.ts'
import { findMinio, startMinio } from '../servers/s3.ts'
import { get, head } from './client.ts'
import { dial, formAround, formHead, signedHead } from './s3-by-hand.ts'
import { keys, s3Site, sdk } from './s3-site.ts'

const { folder, storages } = await s3Site()
await mkdir(path.join(folder, 'media', 'media'), { recursive: true })
const [minio, gcs] = await Promise.all([findMinio(), findGcs()])

type Opened = { storage: object; stop?: () => unknown }

/** Servers that this project did not write, and what a bucket says to be there. */
const kinds: [kind: string, open: (() => Promise<Opened>) | null][] = [
  ['local-meta', async () => ({ storage: storages('media').basic })],
  [
    's3',
    minio === null
      ? null
      : async () => {
          const { endpoint, accessKey, secretAccessKey, createBucket, stop } = await startMinio(minio)
          await createBucket('media')
          return { storage: { kind: 's3', endpoint, accessKey, secretAccessKey }, stop }
        },
  ],
  [
    'azure',
    async () => {
      const { endpoint, account, key, stop } = await startAzurite()
      const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account, key))
      await service.createContainer('media')
      return { storage: { kind: 'azure', azureEndpoint: endpoint, azureAccount: account, azureKey: key }, stop }
    },
  ],
  [
    'google',
    gcs === null
      ? null
      : async () => {
          const { endpoint, stop, createBucket } = await startGcs(gcs)
          await createBucket('media')
          return { storage: { kind: 'google', googleEndpoint: endpoint, googleProjectId: 'test' }, stop }
        },
  ],
]

describe.each(kinds.filter(([, open]) => open))('what is said of an object on %s', (_, open) => {
  let opened: Opened
  let part: Part
  beforeAll(async () => {
    opened = await open!()
    part = await startPart('serve', { buckets: { media: { keys: [keys], storages: { basic: opened.storage } } } })
  })
  afterAll(async () => {
    await part?.stop()
    await opened?.stop?.()
  })

  const post = async (fields: Record<string, string>) => {
    const { top, end } = formAround(fields)
    const line = dial(part.url)
    line.say(formHead(part.url, '/media', top.length + 5 + Buffer.byteLength(end)), top, 'bytes', end)
    return await line.answer()
  }

  it('in a form may be in any language where S3 has a form for that', async () => {
    const said = { 'content-type': 'text/x-own', 'x-amz-meta-name': 'Zoë & 猫', 'x-amz-meta-plain': 'a  b' }
    expect((await post({ key: 'any', ...said })).status).toBe(204)
    const told = await head(`${part.url}/media/any`)
    expect(told.headers.get('content-type')).toBe('text/x-own')
    expect(told.headers.get('x-amz-meta-name')).toBe('=?UTF-8?B?Wm/DqyAmIOeMqw==?=')
    expect(told.headers.get('x-amz-meta-plain')).toBe('a  b')
  })

  it.each([
    ['content-type', 'text/plain\r\nX-Injected: yes'],
    ['content-type', 'text/猫'],
    ['content-disposition', 'attachment\nX-Injected: yes'],
    ['cache-control', 'max-age=1\0'],
    ['x-amz-meta-a', 'b\r\n\r\n<script>'],
    ['x-amz-meta-ä', 'b'],
    ['x-amz-meta-a b', 'c'],
  ])('in a form is refused where no header can say it: %s, %j', async (name, value) => {
    const { status, code } = await post({ key: 'refused', [name]: value })
    expect([status, code]).toEqual([400, 'InvalidArgument'])
    expect((await get(`${part.url}/media/refused`)).status).toBe(404)
  })

  it('in fields comes back as it was, byte for byte', async () => {
    const line = dial(part.url)
    const utf8 = Buffer.from('Zoë 猫').toString('latin1')
    const headers = {
      'content-length': '5',
      'x-amz-meta-name': utf8,
      'content-disposition': `attachment; filename="${utf8}"`,
    }
    line.say(signedHead(part.url, { target: '/media/fields', headers }), 'bytes')
    expect((await line.answer()).status).toBe(200)
    const told = await head(`${part.url}/media/fields`)
    expect(told.headers.get('x-amz-meta-name')).toBe(utf8)
    expect(told.headers.get('content-disposition')).toBe(headers['content-disposition'])
  })

  it('by a client of today comes back as it was', async () => {
    const client = sdk(part.url)
    const object = { Bucket: 'media', Key: 'client' }
    const said = {
      ContentType: 'a/b',
      ContentLanguage: 'de',
      Metadata: { a: 'b c', 'x-y.z_1': '=?UTF-8?B?8J+YgA==?=' },
    }
    await client.send(new PutObjectCommand({ ...object, ...said, Body: 'bytes' }))
    expect(await client.send(new HeadObjectCommand(object))).toMatchObject(said)
    const { Body } = await client.send(new GetObjectCommand(object))
    expect(await Body?.transformToString()).toBe('bytes')
  })
})
