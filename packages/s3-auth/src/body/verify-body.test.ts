import { createHash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { chunkSigner, type Draft, frame, lookup, sha256, signHeader, signQuery, v2Authorization } from '../harness.ts'
import { createS3Auth } from '../s3-auth.ts'
import { type ChecksumAlgorithm, createChecksum } from './checksums.ts'
import { storedEncoding, verifyBody } from './verify-body.ts'

const auth = createS3Auth()
const hello = Buffer.from('hello, world. '.repeat(5000))
const pieces = [hello.subarray(0, 40_000), hello.subarray(40_000, 40_010), hello.subarray(40_010)]
const base64 = (algorithm: ChecksumAlgorithm | 'md5', bytes: Uint8Array = hello) => {
  const sum = createChecksum(algorithm)
  sum.update(bytes)
  return sum.digest().toString('base64')
}
const algorithms = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const
const at = '20260304T050607Z'
const length = String(hello.length)

async function checkOf(draft: Draft, sign = signHeader) {
  const request = await sign({ method: 'PUT', ...draft })
  const seed = /Signature=(\w+)$/.exec(String(request.headers.authorization))?.[1] ?? ''
  return { check: auth.authenticate(request, lookup)!.body, signer: chunkSigner(seed, { at, region: 'mort' }) }
}

/** What a consumer gets, and the code that it ends with. */
async function read(body: Uint8Array[], check: Parameters<typeof verifyBody>[1]) {
  const { stream, checksums } = verifyBody(Readable.from(body), check)
  const got: Buffer[] = []
  try {
    for await (const bytes of stream) got.push(bytes)
  } catch (error) {
    return { end: (error as { s3Code: string }).s3Code, bytes: Buffer.concat(got), checksums: checksums() }
  }
  return { end: 'whole', bytes: Buffer.concat(got), checksums: checksums() }
}

async function expectRefusal(body: Uint8Array[], check: Parameters<typeof verifyBody>[1], code: string) {
  const { end, bytes } = await read(body, check)
  expect(end).toBe(code)
  // Who stores what he gets has not got all of it.
  expect(bytes.length).toBeLessThan(check.size ?? hello.length)
}

const changed = (bytes: Uint8Array, index = 777) => {
  const copy = Buffer.from(bytes)
  copy[index] = copy[index]! ^ 1
  return copy
}

describe.each<[string, Record<string, string>, string, string]>([
  ['x-amz-content-sha256', {}, sha256(hello), 'XAmzContentSHA256Mismatch'],
  ['Content-MD5', { 'content-md5': base64('md5') }, 'UNSIGNED-PAYLOAD', 'BadDigest'],
  ...algorithms.map((name): [string, Record<string, string>, string, string] => [
    `x-amz-checksum-${name}`,
    { [`x-amz-checksum-${name}`]: base64(name) },
    'UNSIGNED-PAYLOAD',
    'BadDigest',
  ]),
])('a body with %s', (_name, headers, payload, code) => {
  const draft = { headers: { 'content-length': length, ...headers }, payload }

  it('passes as it is', async () => {
    const { check } = await checkOf(draft)
    expect(await read(pieces, check)).toMatchObject({ end: 'whole', bytes: hello })
  })

  it('is refused before its last byte when one of its bytes is another', async () => {
    const { check } = await checkOf(draft)
    for (const index of [0, 777, hello.length - 1]) await expectRefusal([changed(hello, index)], check, code)
    await expectRefusal([changed(hello), Buffer.alloc(0)], check, code)
  })

  it('is refused when it ends too early or goes on', async () => {
    const { check } = await checkOf(draft)
    await expectRefusal([hello.subarray(1)], check, 'IncompleteBody')
    await expectRefusal([], check, 'IncompleteBody')
    const { end, bytes } = await read([hello, Buffer.from('x')], check)
    expect([end, bytes.length < hello.length]).toEqual(['IncompleteBody', true])
  })
})

describe.each([
  ['signed chunks', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', true, false],
  ['signed chunks with a trailer', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', true, true],
  ['unsigned chunks with a trailer', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', false, true],
] as const)('a body of %s', (_name, payload, signed, trailing) => {
  const headers: Record<string, string> = {
    'x-amz-decoded-content-length': length,
    ...(trailing ? { 'x-amz-trailer': 'x-amz-checksum-crc32' } : {}),
  }
  const trailers = trailing ? [`x-amz-checksum-crc32:${base64('crc32')}`] : []
  const make = async (more: Record<string, string> = {}) => {
    const { check, signer } = await checkOf({ headers: { ...headers, ...more }, payload })
    return { check, sign: signed ? { signer, trailers } : { trailers } }
  }

  it('passes without its frames', async () => {
    const { check, sign } = await make()
    const body = Buffer.concat(frame(pieces, sign))
    const cut = Array.from({ length: Math.ceil(body.length / 997) }, (_, i) => body.subarray(i * 997, i * 997 + 997))
    expect(await read(cut, check)).toEqual({
      end: 'whole',
      bytes: hello,
      checksums: trailing ? { crc32: base64('crc32') } : {},
    })
  })

  it('may be empty', async () => {
    const { check, sign } = await make({ 'x-amz-decoded-content-length': '0' })
    const none = trailing ? { ...sign, trailers: [`x-amz-checksum-crc32:${base64('crc32', Buffer.alloc(0))}`] } : sign
    expect(await read(frame([], none), check)).toMatchObject({ end: 'whole', bytes: Buffer.alloc(0) })
  })

  it('is refused when a byte of a chunk is another', async () => {
    const { check, sign } = await make()
    const [first, ...rest] = frame(pieces, sign)
    await expectRefusal([changed(first!), ...rest], check, signed ? 'SignatureDoesNotMatch' : 'BadDigest')
  })

  it('is refused when two chunks change places', async () => {
    const { check, sign } = await make()
    const [first, second, ...rest] = frame(pieces, sign)
    await expectRefusal([second!, first!, ...rest], check, signed ? 'SignatureDoesNotMatch' : 'BadDigest')
  })

  it('is refused when a chunk is missing', async () => {
    const { check, sign } = await make()
    const [first, _, ...rest] = frame(pieces, sign)
    await expectRefusal([first!, ...rest], check, signed ? 'SignatureDoesNotMatch' : 'IncompleteBody')
  })

  it('is refused when it is cut off', async () => {
    const { check, sign } = await make()
    const body = Buffer.concat(frame(pieces, sign))
    for (const cut of [0, 50, 20_000, 40_100, body.length - 100]) {
      await expectRefusal([body.subarray(0, cut)], check, 'IncompleteBody')
    }
  })

  it.each([-1, 1, 1000])('is refused when the announced length is off by %i', async by => {
    const { check, sign } = await make({ 'x-amz-decoded-content-length': String(hello.length + by) })
    await expectRefusal(frame(pieces, sign), check, 'IncompleteBody')
  })

  it('is refused when bytes follow it', async () => {
    const { check, sign } = await make()
    await expectRefusal([...frame(pieces, sign), Buffer.from('\r\n')], check, 'IncompleteBody')
  })

  it('is refused when its headers have another checksum', async () => {
    const { check, sign } = await make({ 'x-amz-checksum-sha1': base64('sha1', Buffer.from('x')) })
    await expectRefusal(frame(pieces, sign), check, 'BadDigest')
  })

  it('needs its length', async () => {
    const { 'x-amz-decoded-content-length': _, ...others } = headers
    await expect(checkOf({ headers: others, payload })).rejects.toMatchObject({ s3Code: 'MissingContentLength' })
    await expect(make({ 'x-amz-decoded-content-length': '1e3' })).rejects.toMatchObject({ s3Code: 'InvalidArgument' })
  })

  if (trailing) {
    it.each<[string, string[], string]>([
      ['another value', [`x-amz-checksum-crc32:${base64('crc32', Buffer.from('x'))}`], 'BadDigest'],
      ['a value that is none', ['x-amz-checksum-crc32:xyz'], 'MalformedTrailerError'],
      ['another name', [`x-amz-checksum-sha1:${base64('sha1')}`], 'MalformedTrailerError'],
      ['the same twice', [...trailers, ...trailers], 'MalformedTrailerError'],
      ['one more', [...trailers, 'x-amz-meta-a:b'], 'MalformedTrailerError'],
      ['no name', ['hello'], 'MalformedTrailerError'],
    ])('is refused when its trailer has %s', async (_what, lines, code) => {
      const { check, sign } = await make()
      await expectRefusal(frame(pieces, { ...sign, trailers: lines }), check, code)
    })

    it('is refused when its trailer is missing', async () => {
      const { check, sign } = await make()
      const body = frame(pieces, sign).slice(0, -1)
      await expectRefusal([...body, Buffer.from('\r\n')], check, 'IncompleteBody')
    })

    it.each(algorithms)('may trail %s', async name => {
      const { check, sign } = await make({ 'x-amz-trailer': `x-amz-checksum-${name}` })
      const body = frame(pieces, { ...sign, trailers: [`x-amz-checksum-${name}:${base64(name)}`] })
      expect(await read(body, check)).toMatchObject({ end: 'whole', checksums: { [name]: base64(name) } })
    })

    it('may not trail what is not understood', async () => {
      await expect(make({ 'x-amz-trailer': 'x-amz-checksum-xxhash64' })).rejects.toMatchObject({
        s3Code: 'NotImplemented',
      })
    })
  }

  if (signed) {
    it.each<[string, (text: string) => string]>([
      ['of another chunk', text => text.replace(/(chunk-signature=)\w{64}/, `$1${'0'.repeat(64)}`)],
      ['missing', text => text.replace(/;chunk-signature=\w{64}/, '')],
      ['of another length', text => text.replace(/(chunk-signature=)\w\w/, '$1')],
    ])('is refused when a signature is %s', async (_what, change) => {
      const { check, sign } = await make()
      const body = frame(pieces, sign).map(bytes => Buffer.from(change(bytes.toString('latin1')), 'latin1'))
      await expectRefusal(body, check, 'SignatureDoesNotMatch')
    })

    it('needs a signature of version 4', () => {
      const date = 'Wed, 04 Mar 2026 05:06:07 GMT'
      const text = `PUT\n\n\n${date}\nx-amz-content-sha256:${payload}\nx-amz-decoded-content-length:1\n/b/k`
      const sent = { date, 'x-amz-content-sha256': payload, 'x-amz-decoded-content-length': '1' }
      const request = { method: 'PUT', rawTarget: '/b/k', headers: { ...sent, authorization: v2Authorization(text) } }
      expect(() => auth.authenticate({ ...request, now: new Date(date) }, lookup)).toThrow(
        expect.objectContaining({ s3Code: 'InvalidArgument' }),
      )
    })
  }
})

it('a signed trailer is refused when its signature is another, missing, or before what it signs', async () => {
  const headers = { 'x-amz-decoded-content-length': length, 'x-amz-trailer': 'x-amz-checksum-crc32' }
  const { check, signer } = await checkOf({ headers, payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER' })
  const body = frame(pieces, { signer, trailers: [`x-amz-checksum-crc32:${base64('crc32')}`] })
  const [sum, signature] = body.at(-1)!.toString().split('\r\n')
  const withEnd = (...lines: string[]) => [...body.slice(0, -1), Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)]
  await expectRefusal(withEnd(sum!, `x-amz-trailer-signature:${'0'.repeat(64)}`), check, 'SignatureDoesNotMatch')
  await expectRefusal(withEnd(sum!), check, 'IncompleteBody')
  await expectRefusal(withEnd(signature!, sum!), check, 'MalformedTrailerError')
  expect((await read(withEnd(sum!, signature!), check)).end).toBe('whole')
})

describe('the headers about a body', () => {
  it.each<[string, Draft, string]>([
    ['no digest', { payload: 'abc' }, 'InvalidArgument'],
    ['chunks of another kind', { payload: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' }, 'NotImplemented'],
    ['an MD5 that is no base64', { headers: { 'content-md5': 'x' } }, 'InvalidDigest'],
    ['an MD5 of another length', { headers: { 'content-md5': base64('sha1') } }, 'InvalidDigest'],
    ['a checksum of another length', { headers: { 'x-amz-checksum-crc32': base64('sha1') } }, 'InvalidRequest'],
    ['a checksum that is not understood', { headers: { 'x-amz-checksum-sha512': 'AAAA' } }, 'NotImplemented'],
    [
      'two checksums',
      { headers: { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-crc32c': 'AAAAAA==' } },
      'InvalidRequest',
    ],
    ['a length that is none', { headers: { 'content-length': '-1' } }, 'InvalidArgument'],
    [
      'an unnamed trailer',
      { payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', headers: { 'x-amz-decoded-content-length': '1' } },
      'InvalidRequest',
    ],
  ])('are refused with %s', async (_name, draft, code) => {
    await expect(checkOf(draft)).rejects.toMatchObject({ s3Code: code })
  })

  it('say nothing of the body when it tells how parts become an object', async () => {
    const headers = { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-type': 'FULL_OBJECT' }
    const { check } = await checkOf({ method: 'POST', target: '/b/k?uploadId=7', headers })
    expect(check.checksum).toBeUndefined()
  })

  it('leave open what they do not say', async () => {
    expect((await checkOf({})).check).toEqual({ size: undefined })
    expect((await checkOf({}, signQuery)).check).toEqual({ size: undefined })
  })

  it.each([
    [undefined, undefined],
    ['aws-chunked', undefined],
    ['aws-chunked,gzip', 'gzip'],
    ['gzip, AWS-Chunked', 'gzip'],
    ['br', 'br'],
  ])('keep of the content coding "%s" what is %s', (sent, kept) => {
    expect(storedEncoding(sent)).toBe(kept)
  })
})

describe('the stream of a body', () => {
  const digest = createHash('sha256').update(hello).digest()

  it('waits for its reader', async () => {
    let taken = 0
    const source = Readable.from(
      (function* () {
        for (; taken < 100; taken++) yield Buffer.alloc(65_536)
      })(),
      { highWaterMark: 1 },
    )
    const { stream } = verifyBody(source, { size: 6_553_600 })
    await new Promise(resolve => stream.once('readable', resolve))
    await new Promise(setImmediate)
    expect(taken).toBeLessThan(10)
    expect((await buffer(stream)).length).toBe(6_553_600)
  })

  it('fails when its source does', async () => {
    const source = new PassThrough()
    const { stream } = verifyBody(source, { size: 10 })
    source.write('hello')
    source.destroy(new Error('reset'))
    await expect(buffer(stream)).rejects.toThrow('reset')
  })

  it('fails when its source is closed half way', async () => {
    const source = new PassThrough()
    const { stream } = verifyBody(source, { size: 10 })
    source.write('hello')
    source.destroy()
    await expect(buffer(stream)).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
  })

  it('leaves its source alone when it is refused or destroyed', async () => {
    const source = new PassThrough()
    const refused = verifyBody(source, { size: 3 })
    source.write('hello')
    await expect(buffer(refused.stream)).rejects.toMatchObject({ s3Code: 'IncompleteBody' })
    expect([source.destroyed, source.listenerCount('data')]).toEqual([false, 0])

    const other = new PassThrough()
    const left = verifyBody(other, { size: 10, sha256: digest })
    left.stream.destroy()
    await new Promise(resolve => left.stream.once('close', resolve))
    expect([other.destroyed, other.listenerCount('data')]).toEqual([false, 0])
  })
})
