import { createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { request } from 'node:http'
import path from 'node:path'
import { Readable } from 'node:stream'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { get, send, sendRaw } from './client.ts'
import { keys, minio, refusal, s3Site, sdk } from './s3-site.ts'

const { folder, storages } = await s3Site()
const names = ['media', 'shut', 'pages', 'through', 'named', 'foreign']
const others = { accessKeyId: 'other', secretAccessKey: 'another secret' }
for (const name of names) for (const place of [name, `${name}-derivatives`]) await mkdir(path.join(folder, place))
const Bucket = 'media'

async function setUp() {
  const bucket = (name: string, more: object = {}) => ({
    keys: [keys],
    storages: storages(name),
    transform: { kind: 'query' },
    ...more,
  })
  const cors = {
    origins: ['https://a.example'],
    methods: ['GET', 'PUT'],
    headers: ['*'],
    exposeHeaders: ['etag'],
    maxAge: 60,
  }
  const presets = { small: { filters: { thumbnail: { width: 100 } } } }
  const named = { kind: 'presets', path: '^/(?P<presetName>small)/(?P<parent>.+)$', presets }
  const foreignKeys = [{ accessKey: others.accessKeyId, secretAccessKey: others.secretAccessKey }]
  const buckets = {
    media: bucket('media'),
    shut: bucket('shut', { private: 'all' }),
    pages: bucket('pages', { cors }),
    through: bucket('through', { transform: { kind: 'query', parentBucket: 'foreign' } }),
    named: bucket('named', { transform: named }),
    foreign: bucket('foreign', { private: 'all', keys: foreignKeys }),
  }
  return { config: { limits: { uploadBytes: 9_000_000 }, headers: [cached], buckets } }
}

const cached = { statusCodes: [200], values: { 'cache-control': 'max-age=600' } }
const codeIn = (text: string) => /<Code>(.*)<\/Code>/.exec(text)?.[1]

describeModes('who may write', setUp, cluster => {
  const absent = async (Key: string) => {
    const call = sdk(cluster().url).send(new HeadObjectCommand({ Bucket, Key }))
    return (await refusal(call)).status === 404
  }

  it('lets a presigned URL be used as it was meant, and in its time', async () => {
    const client = sdk(cluster().url)
    const put = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: 'signed.txt' }), { expiresIn: 60 })
    expect((await send(put, { method: 'PUT', body: 'signed' })).status).toBe(200)
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: 'signed.txt' }), { expiresIn: 60 })
    expect((await get(url)).text).toBe('signed')
    const other = await send(url, { method: 'PUT', body: 'x' })
    expect([other.status, codeIn(other.text)]).toEqual([403, 'SignatureDoesNotMatch'])
    const longer = await get(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=61'))
    expect([longer.status, codeIn(longer.text)]).toEqual([403, 'SignatureDoesNotMatch'])
    const past = { expiresIn: 60, signingDate: new Date(Date.now() - 3600_000) }
    const expired = await get(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: 'signed.txt' }), past))
    expect([expired.status, codeIn(expired.text)]).toEqual([403, 'AccessDenied'])
    const unknown = await getSignedUrl(
      sdk(cluster().url, { accessKeyId: 'nobody' }),
      new PutObjectCommand({ Bucket, Key: 'signed.txt' }),
    )
    expect((await send(unknown, { method: 'PUT', body: 'x' })).status).toBe(401)
  })

  it('gives a signed disposition with its semicolon written out', async () => {
    const client = sdk(cluster().url)
    await minio(cluster().url).putObject(Bucket, 'page.html', '<p>')
    const command = new GetObjectCommand({
      Bucket,
      Key: 'page.html',
      ResponseContentDisposition: 'attachment; filename=x',
    })
    const url = await getSignedUrl(client, command, { expiresIn: 60 })
    const { status, headers } = await get(url.replaceAll('%3B', ';'))
    expect([status, headers.get('content-disposition')]).toEqual([200, 'attachment; filename=x'])
  })

  it('lets only who signed choose headers of the answer, and only real ones', async () => {
    const { url } = cluster()
    await minio(url).putObject(Bucket, 'plain.txt', '<p>')
    const signed = (query: Record<string, string>) => minio(url).presignedUrl('GET', Bucket, 'plain.txt', 60, query)
    const bare = await get(`${url}/media/plain.txt?response-content-type=text/html`)
    expect([bare.status, bare.headers.get('content-type')]).toEqual([400, 'application/json'])
    for (const value of ['a\r\nset-cookie: b', 'a\nb', '日本']) {
      const answer = await get(await signed({ 'response-content-disposition': value }))
      expect([answer.status, codeIn(answer.text), answer.headers.get('set-cookie')]).toEqual([
        400,
        'InvalidArgument',
        null,
      ])
    }
  })

  it('lets no page that somebody uploaded run scripts behind a signed URL', async () => {
    const { url } = cluster()
    for (const [name, type] of [
      ['page', 'text/html; charset=utf-8'],
      ['drawing', 'image/svg+xml'],
      ['document', 'application/xhtml+xml'],
    ]) {
      await minio(url).putObject(Bucket, `open/${name}`, '<p>', 3, { 'Content-Type': type! })
      const { headers } = await get(await minio(url).presignedUrl('GET', Bucket, `open/${name}`, 60))
      expect(headers.get('content-security-policy')).toContain('sandbox')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
    const query = { 'response-content-type': 'text/html' }
    await minio(url).putObject(Bucket, 'open/text', '<p>', 3, { 'Content-Type': 'text/plain' })
    const { headers } = await get(await minio(url).presignedUrl('GET', Bucket, 'open/text', 60, query))
    expect(headers.get('content-security-policy')).toContain('sandbox')
  })

  it('reads a target that names the host as one that does not', async () => {
    const { url } = cluster()
    await minio(url).putObject(Bucket, 'far.txt', 'far')
    for (const path of [
      '/media/far.txt',
      (await minio(url).presignedUrl('GET', Bucket, 'far.txt', 60)).slice(url.length),
    ]) {
      const { host } = new URL(url)
      for (const target of [`http://${host}${path}`, `HTTP://${host}${path}`]) {
        const { status, body } = await sendRaw(url, `GET ${target}`)
        expect([status, body]).toEqual([200, 'far'])
      }
    }
    const listed = await sendRaw(url, 'GET http://elsewhere?x=1')
    expect(listed.status).toBe(403)
    const put = (await presignedPut(url, 'far-put')).slice(url.length)
    const { status } = await sendRaw(url, `PUT http://${new URL(url).host}${put}`, ['Content-Length: 0'])
    expect(status).toBe(200)
  })

  it('opens nothing of another private bucket by the key of one', async () => {
    const { url } = cluster()
    const Body = await photo(300, 200)
    await sdk(url, others).send(new PutObjectCommand({ Bucket: 'foreign', Key: 'a.jpg', Body }))
    const through = await minio(url).presignedUrl('GET', 'through', 'a.jpg', 60, { width: '100' })
    // Where the URL itself says which bucket the original is in.
    const named = await minio(url).presignedUrl('GET', 'named', 'small/foreign/a.jpg', 60)
    for (const signed of [through, named]) {
      const answer = await get(signed)
      expect([answer.status, codeIn(answer.text)]).toEqual([403, 'AccessDenied'])
    }
    for (const target of ['/through/a.jpg?width=100', '/named/small/foreign/a.jpg']) {
      expect((await get(url + target)).status).toBe(403)
    }
  })

  it.each(['SHA256', 'CRC32', 'CRC32C', 'CRC64NVME', 'SHA1'] as const)(
    'takes a streamed body with the checksum %s behind it',
    async ChecksumAlgorithm => {
      const bytes = randomBytes(300_000)
      const client = sdk(cluster().url)
      const Body = Readable.from([bytes.subarray(0, 100), bytes.subarray(100)])
      const Key = `streamed-${ChecksumAlgorithm}`
      await client.send(
        new PutObjectCommand({
          Bucket,
          Key,
          Body,
          ContentLength: bytes.length,
          ChecksumAlgorithm,
          ContentEncoding: 'x-none',
        }),
      )
      const found = await client.send(new GetObjectCommand({ Bucket, Key }))
      expect(found.ContentEncoding).toBe('x-none')
      expect(bytes.equals((await found.Body?.transformToByteArray()) ?? Buffer.of())).toBe(true)
    },
  )

  it.each([
    ['another MD5', { 'content-md5': createHash('md5').update('other').digest('base64') }, 400, 'BadDigest'],
    ['no MD5', { 'content-md5': 'bogus' }, 400, 'InvalidDigest'],
    ['a checksum that nobody signed', { 'x-amz-checksum-crc32': 'AAAAAA==' }, 403, 'AccessDenied'],
  ])('stores nothing of a body with %s', async (_, headers, status, code) => {
    const url = await presignedPut(cluster().url, 'damaged')
    const answer = await send(url, { method: 'PUT', body: 'damaged', headers })
    expect([answer.status, codeIn(answer.text)]).toEqual([status, code])
    expect(await absent('damaged')).toBe(true)
  })

  it('stores nothing of a body with another checksum', async () => {
    const put = new PutObjectCommand({ Bucket, Key: 'damaged', Body: 'damaged', ChecksumCRC32: 'AAAAAA==' })
    expect(await refusal(sdk(cluster().url).send(put))).toEqual({ status: 400, code: 'BadDigest' })
    expect(await absent('damaged')).toBe(true)
  })

  it('stores nothing of a body that is cut short, too long, or without a length', async () => {
    const url = await presignedPut(cluster().url, 'unfit')
    const large = await send(url, { method: 'PUT', body: 'x'.repeat(9_000_001) })
    expect([large.status, codeIn(large.text)]).toEqual([400, 'EntityTooLarge'])
    const open = await chunkedPut(url, 'text')
    expect([open.status, codeIn(open.text)]).toEqual([411, 'MissingContentLength'])
    await cutPut(url)
    expect(await absent('unfit')).toBe(true)
  })

  it('asks for the body of a client that waits to be asked only when it is wanted', async () => {
    const url = await presignedPut(cluster().url, 'awaited')
    expect(await askedPut(url, 'awaited')).toEqual({ asked: true, status: 200 })
    expect(await askedPut(`${cluster().url}/media/awaited`, 'x')).toEqual({ asked: false, status: 401 })
    expect((await get(`${cluster().url}/media/awaited`)).text).toBe('awaited')
  })

  it('replaces nothing when the new body is damaged', async () => {
    await minio(cluster().url).putObject(Bucket, 'safe', 'old')
    const answer = await send(await presignedPut(cluster().url, 'safe'), {
      method: 'PUT',
      body: 'new',
      headers: { 'content-md5': createHash('md5').update('other').digest('base64') },
    })
    expect(answer.status).toBe(400)
    expect((await get(`${cluster().url}/media/safe`)).text).toBe('old')
  })

  it.each([
    [{}, 204],
    [{ success_action_status: '201' }, 201],
    [{ success_action_redirect: 'https://a.example/done?x=1' }, 303],
  ])('takes a form with a policy: %j', async (more: Record<string, string>, status) => {
    const bytes = randomBytes(8_500_000)
    // biome-ignore lint/suspicious/noTemplateCurlyInString: S3 puts the name of the file there.
    const answer = await postForm(cluster().url, { key: 'form/${filename}', ...more }, bytes)
    expect(answer.status).toBe(status)
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
    if (status === 303)
      expect(answer.headers.get('location')).toContain('https://a.example/done?x=1&bucket=media&key=form')
    else expect(answer.headers.get('etag')).toBe(etag)
    const found = await sdk(cluster().url).send(new HeadObjectCommand({ Bucket, Key: 'form/pic ture.bin' }))
    expect(found).toMatchObject({
      ETag: etag,
      ContentLength: bytes.length,
      ContentType: 'image/x',
      Metadata: { a: 'b' },
    })
  })

  it('refuses a form that its policy does not allow', async () => {
    const { url } = cluster()
    const refused = async (fields: Record<string, string>, size = 10, policy = {}) => {
      const answer = await postForm(url, { key: 'form/no', ...fields }, randomBytes(size), policy)
      return [answer.status, codeIn(answer.text)]
    }
    expect(await refused({ key: 'elsewhere' })).toEqual([403, 'AccessDenied'])
    expect(await refused({ extra: 'field' })).toEqual([403, 'AccessDenied'])
    expect(await refused({}, 8_999_999)).toEqual([400, 'EntityTooLarge'])
    expect(await refused({}, 10, { expiration: '2020-01-01T00:00:00.000Z' })).toEqual([403, 'AccessDenied'])
    expect(await refused({ 'x-amz-signature': '0'.repeat(64) })).toEqual([403, 'SignatureDoesNotMatch'])
    const bare = await send(`${url}/media`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
      body: '--x--\r\n',
    })
    expect([bare.status, codeIn(bare.text)]).toEqual([400, 'InvalidArgument'])
    expect(await absent('form/no')).toBe(true)
  })

  it('shows nothing of a bucket that is private in all', async () => {
    const { url } = cluster()
    const client = sdk(url)
    const Body = await photo(300, 200)
    await client.send(new PutObjectCommand({ Bucket: 'shut', Key: 'a.jpg', Body, ContentType: 'image/jpeg' }))
    const signed = await minio(url).presignedUrl('GET', 'shut', 'a.jpg', 60, { width: '100' })
    for (let i = 0; i < 3; i++) {
      const own = await get(signed)
      expect([own.status, own.headers.get('cache-control')]).toEqual([200, 'private, no-cache'])
      for (const target of ['/shut/a.jpg', '/shut/a.jpg?width=100', '/shut']) {
        expect((await get(url + target)).status).toBe(403)
      }
    }
  })

  it('tells pages of other origins what they may', async () => {
    const { url } = cluster()
    await minio(url).putObject('pages', 'x.txt', 'x')
    const ask = (target: string, origin: string) =>
      send(url + target, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-amz-date' },
      })
    const allowed = await ask('/pages/x.txt', 'https://a.example')
    expect(allowed.status).toBe(204)
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'x-amz-date',
      'access-control-max-age': '60',
    })
    expect((await ask('/pages/x.txt', 'https://b.example')).headers.get('access-control-allow-origin')).toBeNull()
    expect((await ask('/media/x.txt', 'https://b.example')).headers.get('access-control-allow-origin')).toBe('*')
    const put = await send(await presignedPut(url, 'from-a-page'), { method: 'PUT', body: 'x' })
    expect(put.headers.get('access-control-allow-origin')).toBe('*')
    for (let i = 0; i < 2; i++) {
      const own = await get(`${url}/pages/x.txt`, { origin: 'https://a.example' })
      expect(own.headers.get('access-control-allow-origin')).toBe('https://a.example')
      expect(own.headers.get('vary')).toContain('Origin')
      const other = await get(`${url}/pages/x.txt`, { origin: 'https://b.example' })
      expect([other.status, other.headers.get('access-control-allow-origin')]).toEqual([200, null])
    }
  })
})

function presignedPut(url: string, key: string): Promise<string> {
  return minio(url).presignedPutObject('media', key, 60)
}

/** Without a length, as streams of unknown length are sent. */
function chunkedPut(url: string, body: string): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const sent = request(url, { method: 'PUT' }, response => {
    const chunks: Buffer[] = []
    response.on('data', chunk => chunks.push(chunk))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
  })
  sent.on('error', reject)
  sent.write(body)
  sent.end()
  return promise
}

/** Leaves in the middle of the body. */
async function cutPut(url: string): Promise<void> {
  const sent = request(url, { method: 'PUT', headers: { 'content-length': '1000000' } })
  const closed = new Promise(resolve => sent.once('close', resolve))
  sent.on('error', () => {})
  await new Promise(resolve => sent.write(Buffer.alloc(1000), resolve))
  sent.destroy()
  await closed
}

/** As a page would send it; signed here by the published rule, without any client's help. */
async function postForm(
  url: string,
  fields: Record<string, string>,
  file: Uint8Array<ArrayBuffer>,
  policy: object = {},
) {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const credential = `${keys.accessKey}/${date.slice(0, 8)}/mort/s3/aws4_request`
  const document = {
    expiration: new Date(Date.now() + 60_000).toISOString(),
    conditions: [
      { bucket: 'media' },
      ['starts-with', '$key', 'form/'],
      ['starts-with', '$content-type', 'image/'],
      ['starts-with', '$success_action_status', ''],
      ['starts-with', '$success_action_redirect', ''],
      ['content-length-range', 1, 8_600_000],
      { 'x-amz-meta-a': 'b' },
      { 'x-amz-algorithm': 'AWS4-HMAC-SHA256' },
      { 'x-amz-credential': credential },
      { 'x-amz-date': date },
    ],
    ...policy,
  }
  const encoded = Buffer.from(JSON.stringify(document)).toString('base64')
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const signing = [date.slice(0, 8), 'mort', 's3', 'aws4_request'].reduce(
    hmac,
    `AWS4${keys.secretAccessKey}` as string | Buffer,
  ) as Buffer
  const all = {
    'content-type': 'image/x',
    'x-amz-meta-a': 'b',
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': credential,
    'x-amz-date': date,
    policy: encoded,
    'x-amz-signature': hmac(signing, encoded).toString('hex'),
    ...fields,
  }
  const form = new FormData()
  for (const [name, value] of Object.entries(all)) form.append(name, value)
  form.append('file', new Blob([file]), 'pic ture.bin')
  form.append('submit', 'Upload')
  const response = await fetch(`${url}/media`, { method: 'POST', body: form, redirect: 'manual' })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** Sends the head of a request and waits to be asked for the body; tells what came instead, or before. */
function askedPut(url: string, body: string): Promise<{ asked: boolean; status: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ asked: boolean; status: number }>()
  let asked = false
  const headers = { expect: '100-continue', 'content-length': String(body.length) }
  const sent = request(url, { method: 'PUT', headers }, response => {
    response.resume()
    resolve({ asked, status: response.statusCode ?? 0 })
    sent.destroy()
  })
  sent.on('continue', () => {
    asked = true
    sent.end(body)
  })
  sent.on('error', reject)
  sent.flushHeaders()
  return promise
}
