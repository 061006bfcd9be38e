import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import {
  ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { sign as aws4Sign } from 'aws4'
import { Client } from 'minio'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { verifyBody } from './body/verify-body.ts'
import { accessKey, secret, sha256 } from './harness.ts'
import { S3Refusal } from './refusal.ts'
import { createS3Auth } from './s3-auth.ts'

/** What the last request proved, as the server saw it. */
let seen: { form?: string; body?: Buffer; checksums?: object; mode?: unknown; refused?: string }
let endpoint = ''
const auth = createS3Auth()
const server = createServer((request, response) => void answer(request, response))

beforeAll(async () => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})
beforeEach(() => {
  seen = {}
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  seen = { mode: request.headers['x-amz-content-sha256'] }
  try {
    const { method = '', url: rawTarget = '', headers } = request
    const found = auth.authenticate({ method, rawTarget, headers, now: new Date() }, key =>
      key === accessKey ? secret : undefined,
    )
    const { stream, checksums } = verifyBody(request, found!.body)
    seen = { ...seen, form: found!.identity.form, body: await buffer(stream), checksums: checksums() }
    response.writeHead(200, { etag: '"1"', 'content-type': 'application/xml' })
    response.end(method === 'GET' || method === 'POST' ? '<Result/>' : '')
  } catch (error) {
    seen = { ...seen, refused: (error as S3Refusal).s3Code }
    response.writeHead(error instanceof S3Refusal ? 403 : 500, { connection: 'close' }).end()
  }
}

const keys = ['cat.jpg', 'a b+c&d=e.jpg', '100% %41.jpg', 'x//y/.z/', "Grüße/日本 (1)!*'.jpg", 'a%2Fb.jpg', '~_-.,;:@$']
const body = Buffer.from('hello, world. '.repeat(10_000))

describe("Amazon's client", () => {
  const create = (options = {}) =>
    new S3Client({
      region: 'mort',
      endpoint,
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: accessKey, secretAccessKey: secret },
      ...options,
    })

  it.each(keys)('reads "%s", by header and by URL', async Key => {
    await create().send(new GetObjectCommand({ Bucket: 'photos', Key }))
    expect(seen.form).toBe('v4-header')
    const url = await getSignedUrl(create(), new GetObjectCommand({ Bucket: 'photos', Key }))
    expect((await fetch(url)).status).toBe(200)
    expect(seen.form).toBe('v4-query')
  })

  it('lists', async () => {
    await create().send(
      new ListObjectsV2Command({ Bucket: 'photos', Prefix: 'a b+ü/', Delimiter: '/', StartAfter: '%&' }),
    )
    expect(seen.form).toBe('v4-header')
  })

  it.each(Object.values(ChecksumAlgorithm).filter(name => /^(CRC|SHA1|SHA256)/.test(name)))(
    'uploads bytes and a stream with %s',
    async name => {
      const command = (Body: Buffer | Readable) =>
        new PutObjectCommand({
          Bucket: 'photos',
          Key: 'cat.jpg',
          Body,
          ContentLength: body.length,
          ChecksumAlgorithm: name,
          Metadata: { title: 'a  cat' },
        })
      await create().send(command(body))
      expect(seen.body).toEqual(body)
      expect(Object.keys(seen.checksums!)).toEqual([name.toLowerCase()])
      await create().send(command(Readable.from([body.subarray(0, 20_000), body.subarray(20_000)])))
      expect(seen).toMatchObject({ mode: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', body })
      expect(Object.keys(seen.checksums!)).toEqual([name.toLowerCase()])
    },
  )

  it('uploads to a URL that it signed without a body', async () => {
    const url = await getSignedUrl(create(), new PutObjectCommand({ Bucket: 'photos', Key: 'a b+c.jpg' }))
    // It signs the checksum of nothing, which S3 does not hold against the body.
    expect(url).toContain('x-amz-checksum-crc32=AAAAAA')
    expect((await fetch(url, { method: 'PUT', body })).status).toBe(200)
    expect(seen).toMatchObject({ form: 'v4-query', body })
  })

  it('deletes several, and completes an upload in parts', async () => {
    await create().send(new DeleteObjectsCommand({ Bucket: 'photos', Delete: { Objects: [{ Key: 'a' }] } }))
    expect(seen.form).toBe('v4-header')
    const MultipartUpload = { Parts: [{ ETag: '"1"', PartNumber: 1 }] }
    const whole = { Bucket: 'photos', Key: 'a', UploadId: 'x+/=', MultipartUpload, ChecksumCRC32: 'AAAAAA==' }
    await create().send(new CompleteMultipartUploadCommand(whole))
    expect(seen.form).toBe('v4-header')
  })

  it('is refused with another secret, another region, and another clock', async () => {
    const put = new PutObjectCommand({ Bucket: 'photos', Key: 'a', Body: 'x' })
    const credentials = { accessKeyId: accessKey, secretAccessKey: 'x' }
    await expect(create({ credentials }).send(put)).rejects.toThrow()
    expect(seen.refused).toBe('SignatureDoesNotMatch')
    await expect(create({ region: 'eu-west-1' }).send(put)).rejects.toThrow()
    expect(seen.refused).toBe('AuthorizationHeaderMalformed')
    await expect(create({ systemClockOffset: -3_600_000 }).send(put)).rejects.toThrow()
    expect(seen.refused).toBe('RequestTimeTooSkewed')
  })
})

describe('the minio client', () => {
  const create = () => {
    const { hostname, port } = new URL(endpoint)
    return new Client({
      endPoint: hostname,
      port: Number(port),
      useSSL: false,
      region: 'mort',
      accessKey,
      secretKey: secret,
    })
  }

  it.each(keys.filter(key => !key.includes('//')))('uploads and reads "%s"', async key => {
    await create().putObject('photos', key, body, body.length, { 'X-Amz-Meta-A': 'b', 'Content-Type': 'image/png' })
    expect(seen).toMatchObject({ mode: sha256(body), body })
    await create().statObject('photos', key)
    expect(seen.form).toBe('v4-header')
    const url = await create().presignedUrl('GET', 'photos', key, 60, { 'response-content-type': 'text/plain; a+b' })
    expect((await fetch(url)).status).toBe(200)
    expect(seen.form).toBe('v4-query')
  })
})

describe('the signer aws4', () => {
  it.each([false, true])('signs a request (in the query: %s)', async signQuery => {
    const { host } = new URL(endpoint)
    const path = '/photos/a%20b%2Bc.jpg?uploads&prefix=x'
    const options = { service: 's3', region: 'mort', method: 'PUT', host, path, signQuery, headers: {}, body: 'hello' }
    const signed = aws4Sign(options, { accessKeyId: accessKey, secretAccessKey: secret })
    await fetch(`http://${host}${signed.path}`, {
      method: 'PUT',
      headers: signed.headers as Record<string, string>,
      body: 'hello',
    })
    expect(seen).toMatchObject({ form: signQuery ? 'v4-query' : 'v4-header', body: Buffer.from('hello') })
  })
})
