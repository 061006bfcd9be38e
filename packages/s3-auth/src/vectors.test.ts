import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { verifyBody } from './body/verify-body.ts'
import { accessKey, chunkSigner, frame, lookup, sha256 } from './harness.ts'
import type { Headers, S3Request } from './request.ts'
import { createS3Auth } from './s3-auth.ts'

// The requests that Amazon's documentation of both versions shows, with the signatures printed there.
const auth = createS3Auth({ region: 'us-east-1' })
const may = new Date('2013-05-24T00:00:00Z')
const host = 'examplebucket.s3.amazonaws.com'
const scope = `${accessKey}/20130524/us-east-1/s3/aws4_request`

function v4(method: string, rawTarget: string, headers: Headers, signature: string): S3Request {
  const sent: Headers = { host, 'x-amz-date': '20130524T000000Z', ...headers }
  const names = Object.keys(sent).sort().join(';')
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=${names},Signature=${signature}`
  return { method, rawTarget, headers: { ...sent, authorization }, now: may }
}

describe('the examples of version 4', () => {
  it.each([
    [
      'GET of a range',
      'GET',
      '/test.txt',
      { range: 'bytes=0-9', 'x-amz-content-sha256': sha256('') },
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      'PUT',
      'PUT',
      '/test$file.text',
      {
        date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        'x-amz-content-sha256': sha256('Welcome to Amazon S3.'),
      },
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ],
    [
      'GET of a sub-resource',
      'GET',
      '/?lifecycle',
      { 'x-amz-content-sha256': sha256('') },
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      'a list',
      'GET',
      '/?max-keys=2&prefix=J',
      { 'x-amz-content-sha256': sha256('') },
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ])('%s', (_name, method, target, headers, signature) => {
    expect(auth.authenticate(v4(method, target, headers, signature), lookup)?.identity).toEqual({
      accessKey,
      form: 'v4-header',
    })
  })

  it('a signature in the query', () => {
    const rawTarget = `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(scope)}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`
    const request: S3Request = { method: 'GET', rawTarget, headers: { host }, now: new Date('2013-05-24T23:59:59Z') }
    expect(auth.authenticate(request, lookup)?.identity).toEqual({ accessKey, form: 'v4-query' })
  })

  const chunked = {
    host: 's3.amazonaws.com',
    'content-encoding': 'aws-chunked',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    'x-amz-decoded-content-length': '66560',
  }
  const pieces = [Buffer.alloc(65_536, 'a'), Buffer.alloc(1024, 'a')]
  const target = '/examplebucket/chunkObject.txt'

  it('signed chunks', async () => {
    const seed = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9'
    const mode = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
    const headers = { ...chunked, 'content-length': '66824', 'x-amz-content-sha256': mode }
    const found = auth.authenticate(v4('PUT', target, headers, seed), lookup)
    const body = frame(pieces, { signer: chunkSigner(seed, { at: '20130524T000000Z', region: 'us-east-1' }) })
    expect(body.map(bytes => /chunk-signature=(\w+)/.exec(bytes.toString('latin1'))?.[1])).toEqual([
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
      undefined,
    ])
    expect(Buffer.concat(body).length).toBe(66_824)
    expect(await buffer(verifyBody(Readable.from(body), found!.body).stream)).toEqual(Buffer.concat(pieces))
  })

  it('signed chunks with a trailer', async () => {
    const seed = '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e'
    const mode = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'
    const headers = { ...chunked, 'x-amz-content-sha256': mode, 'x-amz-trailer': 'x-amz-checksum-crc32c' }
    const found = auth.authenticate(v4('PUT', target, headers, seed), lookup)
    const lines = [
      '10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      'a'.repeat(65_536),
      '400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      'a'.repeat(1024),
      '0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
      'x-amz-checksum-crc32c:sOO8/Q==',
      'x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435',
      '',
    ]
    const verified = verifyBody(Readable.from([Buffer.from(lines.join('\r\n'))]), found!.body)
    expect(await buffer(verified.stream)).toEqual(Buffer.concat(pieces))
    expect(verified.checksums()).toEqual({ crc32c: 'sOO8/Q==' })
  })
})

describe('the examples of version 2', () => {
  const march = 'Tue, 27 Mar 2007'
  it.each([
    ['GET', '/johnsmith/photos/puppy.jpg', { date: `${march} 19:36:42 +0000` }, 'bWq2s1WEIj+Ydj0vQ697zp+IXMU='],
    [
      'PUT',
      '/johnsmith/photos/puppy.jpg',
      { date: `${march} 21:15:45 +0000`, 'content-type': 'image/jpeg' },
      'MyyxeRY7whkBe+bq8fHCL/2kKUg=',
    ],
    [
      'GET',
      '/johnsmith/?prefix=photos&max-keys=50&marker=puppy',
      { date: `${march} 19:42:41 +0000` },
      'htDYFYduRNen8P9ZfE/s9SuKy0U=',
    ],
    ['GET', '/johnsmith/?acl', { date: `${march} 19:44:46 +0000` }, 'c2WLPFtWHVgbEmeEG93a4cG37dM='],
    ['DELETE', '/johnsmith/photos/puppy.jpg', { date: `${march} 21:20:26 +0000` }, 'lx3byBScXR6KzyMaifNkardMwNk='],
    [
      'PUT',
      '/static.johnsmith.net/db-backup.dat.gz',
      {
        date: `${march} 21:06:08 +0000`,
        'x-amz-acl': 'public-read',
        'content-type': 'application/x-download',
        'content-md5': '4gJE4saaMU4BqNR0kLY+lw==',
        'x-amz-meta-reviewedby': ['joe@johnsmith.net', 'jane@johnsmith.net'],
        'x-amz-meta-filechecksum': '0x02661779',
        'x-amz-meta-checksumalgorithm': 'crc32',
      },
      'ilyl83RwaSoYIEdixDQcA4OnAnc=',
    ],
    ['GET', '/', { date: 'Wed, 28 Mar 2007 01:29:59 +0000' }, 'qGdzdERIC03wnaRNKh6OqZehG9s='],
    [
      'GET',
      '/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re',
      { date: 'Wed, 28 Mar 2007 01:49:49 +0000' },
      'DNEZGsoieTZ92F3bUfSPQcbGmlM=',
    ],
  ])('%s %s', (method, rawTarget, headers, signature) => {
    const authorization = `AWS ${accessKey}:${signature}`
    const request = { method, rawTarget, headers: { ...headers, authorization }, now: new Date(headers.date) }
    expect(auth.authenticate(request, lookup)?.identity).toEqual({ accessKey, form: 'v2-header' })
  })

  it('a signature in the query', () => {
    const rawTarget = `/johnsmith/photos/puppy.jpg?AWSAccessKeyId=${accessKey}&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620`
    const request: S3Request = { method: 'GET', rawTarget, headers: {}, now: new Date(1_175_139_620_000) }
    expect(auth.authenticate(request, lookup)?.identity).toEqual({ accessKey, form: 'v2-query' })
  })
})
