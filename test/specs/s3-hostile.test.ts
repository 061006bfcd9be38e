import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Part, startPart } from '../cluster.ts'
import { descriptorsOf, forgetPeak, memoryOf, signsOfACrash } from '../observe.ts'
import { until, untilEqual } from '../until.ts'
import { get, send, sendRaw } from './client.ts'
import { dial, field, formAround, formHead, headOf, type Line, signedHead } from './s3-by-hand.ts'
import { keys, refusal, s3Site, sdk } from './s3-site.ts'

const { folder, storages } = await s3Site()
for (const name of ['media', 'cloud']) {
  for (const place of [name, `${name}-derivatives`]) await mkdir(path.join(folder, place, name), { recursive: true })
}
const Bucket = 'media'
const MiB = 1024 * 1024
const linux = process.platform === 'linux'

const transform = { kind: 'cloudinary', path: '^/(?P<transformations>w_[^/]+)/(?P<parent>.+)$' }
const buckets = {
  media: { keys: [keys], storages: storages('media') },
  cloud: { keys: [keys], storages: storages('cloud'), transform },
}

/** One process for the specs of a block. */
function serve(limits: object = {}): () => Part {
  let part: Part | undefined
  beforeAll(async () => {
    part = await startPart('serve', { limits, buckets })
  })
  afterAll(async () => {
    expect(part?.output()).not.toMatch(signsOfACrash)
    await part?.stop()
  })
  return () => {
    if (!part) throw new Error('it has not started')
    return part
  }
}

/** All files below the buckets, those that are being written as well. */
async function files(): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(({ parentPath, name }) => path.join(parentPath, name))
}

const begin = async (url: string, Key: string) => {
  const client = sdk(url)
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))
  client.destroy()
  return { Bucket, Key, UploadId: UploadId! }
}
type Begun = Awaited<ReturnType<typeof begin>>
const partOf = (upload: Begun, PartNumber: number, Body: Uint8Array) =>
  new UploadPartCommand({ ...upload, PartNumber, Body })
const completionOf = (upload: Begun, tags: (string | undefined)[]) =>
  new CompleteMultipartUploadCommand({
    ...upload,
    MultipartUpload: { Parts: tags.map((ETag, i) => ({ PartNumber: i + 1, ETag })) },
  })
const read = async (url: string, Key: string) => {
  const { Body } = await sdk(url).send(new GetObjectCommand({ Bucket, Key }))
  return Buffer.from((await Body?.transformToByteArray()) ?? [])
}
const presigned = (url: string, Key: string) =>
  getSignedUrl(sdk(url), new PutObjectCommand({ Bucket, Key }), { expiresIn: 600 })
const targetOf = (url: string) => url.slice(new URL(url).origin.length)
const hostOf = (url: string) => ({ host: new URL(url).host })

/** Uploads of every kind, each begun as far as into its bytes. */
const kinds: [name: string, begin: (line: Line, url: string) => Promise<void> | void][] = [
  [
    'with a key',
    (line, url) => line.say(signedHead(url, { target: '/media/slow', headers: { 'content-length': '9000' } }), 'x'),
  ],
  [
    'by a presigned URL',
    async (line, url) => {
      const target = targetOf(await presigned(url, 'slow'))
      line.say(headOf('PUT', target, { ...hostOf(url), 'content-length': '9000' }), 'x')
    },
  ],
  [
    'of a part',
    async (line, url) => {
      const { UploadId } = await begin(url, 'slow')
      const target = `/media/slow?partNumber=1&uploadId=${UploadId}`
      line.say(signedHead(url, { target, headers: { 'content-length': '9000' } }), 'x')
    },
  ],
  [
    'in chunks that hold nothing',
    (line, url) => {
      const headers = { 'content-length': '9000', 'x-amz-decoded-content-length': '0' }
      line.say(signedHead(url, { target: '/media/slow', headers, payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' }), '0')
    },
  ],
  [
    'of a document',
    (line, url) => {
      const draft = { method: 'POST', target: '/media?delete=', headers: { 'content-length': '9000' } }
      line.say(signedHead(url, draft), '<Delete>')
    },
  ],
  ['of a form, in its fields', (line, url) => line.say(formHead(url, '/media', 9000), field('key'))],
  [
    'of a form, in its file',
    (line, url) => line.say(formHead(url, '/media', 9000), formAround({ key: 'slow' }).top, 'x'),
  ],
]

describe('slow uploads', () => {
  const part = serve({ uploadsAtOnce: 2, uploadRate: 1000, uploadGrace: 1 })

  it.each(kinds)('are ended, and give back what they held: one %s', async (_, begin) => {
    const { url } = part()
    const line = dial(url)
    await begin(line, url)
    const { status, code, headers } = await line.answer()
    expect([status, code, headers.connection]).toEqual([400, 'RequestTimeout', 'close'])
    await line.over()
    expect((await get(`${url}/media/slow`)).status).toBe(404)
    const puts = ['a', 'b'].map(Key => sdk(url).send(new PutObjectCommand({ Bucket, Key, Body: 'x' })))
    expect((await Promise.all(puts)).map(({ $metadata }) => $metadata.httpStatusCode)).toEqual([200, 200])
  })

  it("are ended in Cloudinary's words", async () => {
    const { url } = part()
    const line = dial(url)
    line.say(formHead(url, '/cloud', 9000), field('api_key'))
    const { status, text, headers } = await line.answer()
    expect([status, text, headers.connection]).toEqual([408, 'the form took too long', 'close'])
    await line.over()
  })

  it('are not those that keep to the rate', async () => {
    const { url } = part()
    const [stalled, slow] = [dial(url), dial(url)]
    stalled.say(signedHead(url, { target: '/media/slow', headers: { 'content-length': '9' } }))
    const piece = Buffer.alloc(500)
    let sent = 0
    slow.say(signedHead(url, { target: '/media/kept', headers: { 'content-length': '10000000' } }))
    const sending = setInterval(() => {
      slow.say(piece)
      sent += piece.length
    }, 100)
    // The other one had the same time, and more.
    expect((await stalled.answer()).code).toBe('RequestTimeout')
    clearInterval(sending)
    expect(slow.socket.closed).toBe(false)
    slow.say(Buffer.alloc(10_000_000 - sent))
    expect((await slow.answer()).status).toBe(200)
  })
})

describe('uploads at one time', () => {
  const part = serve({ uploadsAtOnce: 4 })
  /** Resolves when the upload has its place: the server has asked for its body. */
  const hold = async (target: string) => {
    const line = dial(part().url)
    line.say(headOf('PUT', target, { ...hostOf(part().url), 'content-length': '5', expect: '100-continue' }))
    await line.asked()
    return line
  }
  const holdSigned = async (target: string) => {
    const line = dial(part().url)
    line.say(signedHead(part().url, { target, headers: { 'content-length': '5', expect: '100-continue' } }))
    await line.asked()
    return line
  }
  const put = async (url: string) => {
    const { status, text } = await send(url, { method: 'PUT', body: 'bytes' })
    return [status, /<Code>(.*)<\/Code>/.exec(text)?.[1]]
  }
  const busy = [503, 'SlowDown']

  it('are shared: signed URLs have half of the places, one URL a quarter, and a key the rest', async () => {
    const { url } = part()
    const [one, two, three] = await Promise.all(['1', '2', '3'].map(key => presigned(url, `share/${key}`)))
    const held = [await hold(targetOf(one!))]
    expect(await put(one!)).toEqual(busy)
    held.push(await hold(targetOf(two!)))
    expect(await put(three!)).toEqual(busy)
    held.push(await holdSigned('/media/share/4'), await holdSigned('/media/share/5'))
    const full = sdk(url).send(new PutObjectCommand({ Bucket, Key: 'share/6', Body: 'x' }))
    expect(await refusal(full)).toEqual({ status: 503, code: 'SlowDown' })
    for (const line of held) {
      line.say('bytes')
      expect((await line.answer()).status).toBe(200)
    }
    expect(await put(three!)).toEqual([200, undefined])
  })

  it('are over when their clients leave, and then leave nothing', async () => {
    const { url } = part()
    const round = async () => {
      for (const [, begin] of kinds) {
        const line = dial(url)
        await begin(line, url)
        line.socket.end()
        await line.over()
      }
      const held = await hold(targetOf(await presigned(url, 'left')))
      held.say('byt')
      held.socket.destroy()
      await untilEqual('a place for a stranger', async () => put(await presigned(url, 'came')), [200, undefined])
    }
    await round()
    const before = (await files()).length
    const descriptors = linux ? await descriptorsOf(part()) : 0
    // More often than there are places.
    for (let i = 0; i < 5; i++) await round()
    const client = sdk(url)
    await client.send(new PutObjectCommand({ Bucket, Key: 'came', Body: 'x' }))
    client.destroy()
    if (linux) await until('descriptors to be closed', async () => (await descriptorsOf(part())) <= descriptors)
    // Uploads in parts, which somebody may go on with: nothing but a record each.
    expect((await files()).length).toBe(before + 5)
    expect((await files()).filter(name => name.includes('\\') || name.includes('left'))).toEqual([])
  })
})

describe('strangers with forms', () => {
  const part = serve()

  it('hold no place that others need: who has proven nothing for longest has to go', async () => {
    const { url } = part()
    const come = async () => {
      const line = dial(url)
      line.say(formHead(url, '/media', 9000, { expect: '100-continue' }), field('key'))
      await line.asked()
      return line
    }
    const first = await come()
    const second = await come()
    for (let i = 0; i < 255; i++) await come()
    const { status, code } = await first.answer()
    expect([status, code]).toEqual([503, 'SlowDown'])
    const { top, end } = formAround({ key: 'proven' })
    const line = dial(url)
    line.say(formHead(url, '/media', top.length + 1 + end.length), top, 'x', end)
    expect((await line.answer()).status).toBe(204)
    expect((await second.answer()).status).toBe(503)
  })

  it.runIf(linux)('and clients with keys hold little memory, however many send slowly', async () => {
    const { url } = part()
    const target = targetOf(await presigned(url, 'warm'))
    const warm = dial(url)
    warm.say(headOf('PUT', target, { ...hostOf(url), 'content-length': String(MiB) }), Buffer.alloc(MiB))
    expect((await warm.answer()).status).toBe(200)
    const { now } = await memoryOf(part())
    await forgetPeak(part())
    const lines = Array.from({ length: 200 }, (_, i) => {
      const line = dial(url)
      // Of one form there are at most 64 at one time.
      if (i < 60)
        line.say(formHead(url, '/media', 64 * MiB), formAround({ key: `slow/${i}` }).top, Buffer.alloc(7 * MiB))
      else {
        const headers = { 'content-length': String(64 * MiB) }
        line.say(signedHead(url, { target: `/media/slow/${i}`, headers }), Buffer.alloc(2 * MiB))
      }
      return line
    })
    await until('all of it to be taken', () => lines.every(({ socket }) => socket.writableLength === 0))
    expect(lines.filter(({ socket }) => socket.closed)).toEqual([])
    expect((await memoryOf(part())).peak).toBeLessThan(now + 400 * MiB)
    for (const { socket } of lines) socket.destroy()
    await untilEqual('what they left', async () => (await files()).filter(name => name.includes('/data/')), [])
    await untilEqual('a place', () => refusal(sdk(url).send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }))), {
      ...{ status: 200, code: '' },
    })
  })
})

describe('bodies that lie', () => {
  const part = serve()
  const chunked = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
  const good = '5\r\nhello\r\n0\r\n'

  it.each([
    ['a chunk that is shorter than it says', '6\r\nhello\r\n0\r\n\r\n', {}, 'IncompleteBody'],
    ['a chunk that is longer than it says', '4\r\nhello\r\n0\r\n\r\n', {}, 'InvalidRequest'],
    ['a chunk that never ends', 'ffffffffffff\r\nhello', {}, 'IncompleteBody'],
    ['a size that no number holds', 'fffffffffffffffffffff\r\nhello\r\n0\r\n\r\n', {}, 'InvalidRequest'],
    ['a size below zero', '-5\r\nhello\r\n0\r\n\r\n', {}, 'InvalidRequest'],
    ['a size with a prefix', '0x5\r\nhello\r\n0\r\n\r\n', {}, 'InvalidRequest'],
    ['a size that is empty', '\r\nhello\r\n0\r\n\r\n', {}, 'InvalidRequest'],
    ['a line that ends with LF', '5\nhello\n0\n\n', {}, 'InvalidRequest'],
    ['a long extension', `5;x=${'y'.repeat(2000)}\r\nhello\r\n0\r\n\r\n`, {}, 'InvalidRequest'],
    ['no last chunk', '5\r\nhello\r\n', {}, 'IncompleteBody'],
    ['more than was announced', '6\r\nhello!\r\n0\r\n\r\n', {}, 'IncompleteBody'],
    ['less than was announced', '4\r\nhell\r\n0\r\n\r\n', {}, 'IncompleteBody'],
    ['something behind the end', `${good}\r\nGET / HTTP/1.1\r\n\r\n`, {}, 'IncompleteBody'],
    ['no trailer', `${good}\r\n`, { 'x-amz-trailer': 'x-amz-checksum-crc32' }, 'IncompleteBody'],
    [
      'another trailer',
      `${good}x-amz-checksum-sha1:AAAA\r\n\r\n`,
      { 'x-amz-trailer': 'x-amz-checksum-crc32' },
      'MalformedTrailerError',
    ],
    [
      'a trailer that is wrong',
      `${good}x-amz-checksum-crc32:AAAAAA==\r\n\r\n`,
      { 'x-amz-trailer': 'x-amz-checksum-crc32' },
      'BadDigest',
    ],
    ['trailers without end', `${good}${'x:y\r\n'.repeat(99)}`, {}, 'MalformedTrailerError'],
    ['a length below zero', good, { 'x-amz-decoded-content-length': '-5' }, 'InvalidArgument'],
    ['a length that is no number', good, { 'x-amz-decoded-content-length': '5e0' }, 'InvalidArgument'],
    ['a length beyond all limits', good, { 'x-amz-decoded-content-length': '999999999999999' }, 'EntityTooLarge'],
  ])('are refused, and nothing is stored: %s', async (_, body, more: Record<string, string>, code) => {
    const { url } = part()
    const line = dial(url)
    const before = await files()
    const headers = { 'x-amz-decoded-content-length': '5', 'content-length': String(body.length), ...more }
    line.say(signedHead(url, { target: '/media/lie', headers, payload: chunked }), body)
    const answer = await line.answer()
    expect([answer.status, answer.code]).toEqual([400, code])
    expect((await get(`${url}/media/lie`)).status).toBe(404)
    expect(await files()).toEqual(before)
  })

  const smuggled = `GET /media/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`

  it.each([
    ['two kinds of length', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
    ['two lengths', ['Content-Length: 4', 'Content-Length: 90']],
    ['two lengths in one line', ['Content-Length: 4, 90']],
    ['a length with a sign', ['Content-Length: +4']],
    ['a length in hexadecimal', ['Content-Length: 0x4']],
    ['a coding that nobody knows', ['Transfer-Encoding: xchunked']],
    ['chunked, and not at the end', ['Transfer-Encoding: chunked, gzip']],
    ['a space before the colon', ['Content-Length : 4']],
    ['a line that goes on', ['Transfer-Encoding:', ' chunked', 'Content-Length: 4']],
  ])('hide no second request: %s', async (_, fields) => {
    const line = dial(part().url)
    line.say(`PUT /media/outer HTTP/1.1\r\nHost: x\r\n${fields.join('\r\n')}\r\n\r\n0\r\n\r\n${smuggled}`)
    const { status, headers } = await line.answer()
    expect([status, headers.connection]).toEqual([400, 'close'])
    await line.over()
    expect(line.socket.bytesRead).toBeLessThan(100)
  })

  it('40 kB of fields are 431', async () => {
    const answer = await sendRaw(part().url, 'PUT /media/fields', [`x-amz-meta-a: ${'a'.repeat(40_000)}`])
    expect(answer.status).toBe(431)
  })

  it.each([
    ['a disposition', { ResponseContentDisposition: 'a\r\nX-Injected: b' }],
    ['a content type', { ResponseContentType: 'a/b\nX-Injected: b' }],
  ])('write no header of their own: a line break in %s that is asked for', async (_, own) => {
    const { url } = part()
    await sdk(url).send(new PutObjectCommand({ Bucket, Key: 'hello', Body: 'hello' }))
    const signed = await getSignedUrl(sdk(url), new GetObjectCommand({ Bucket, Key: 'hello', ...own }))
    const line = dial(url)
    line.say(headOf('GET', targetOf(signed), hostOf(url)))
    const answer = await line.answer()
    expect([answer.status, answer.code, answer.headers['x-injected']]).toEqual([400, 'InvalidArgument', undefined])
  })
})

describe('a body that nobody wants', () => {
  const part = serve()

  it('is not asked for', async () => {
    const line = dial(part().url)
    const headers = { ...hostOf(part().url), 'content-length': '5', expect: '100-continue' }
    line.say(headOf('PUT', '/media/refused', headers))
    expect((await line.answer()).status).toBe(401)
    await line.over()
    expect(line.asks).toBe(0)
  })

  it('is passed over when it is small, and the connection lives on', async () => {
    const line = dial(part().url)
    const headers = { ...hostOf(part().url), 'content-length': String(MiB) }
    line.say(headOf('PUT', '/media/refused', headers), Buffer.alloc(MiB))
    expect((await line.answer()).status).toBe(401)
    line.say(headOf('GET', '/media/absent', hostOf(part().url)))
    expect((await line.answer()).status).toBe(404)
  })

  it.each(['PUT', 'GET'])('is cut when there is no end to it: of a %s', async method => {
    const line = dial(part().url)
    line.say(headOf(method, '/media/refused', { ...hostOf(part().url), 'content-length': String(1024 * MiB) }))
    const piece = Buffer.alloc(MiB)
    const send = () => {
      if (line.socket.writable) line.socket.write(piece, error => error ?? send())
    }
    send()
    await line.over()
    expect(line.socket.bytesWritten).toBeLessThan(100 * MiB)
  })

  it('is cut when it does not come', async () => {
    const line = dial(part().url)
    line.say(headOf('PUT', '/media/refused', { ...hostOf(part().url), 'content-length': '5' }))
    expect((await line.answer()).status).toBe(401)
    await line.over()
  })
})

describe('requests for one upload in parts, at one time', () => {
  const part = serve()
  const all = <T>(count: number, call: (i: number) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, i) => call(i)))
  const bytes = randomBytes(6 * MiB)
  const leftOf = (...uploads: Begun[]) =>
    untilEqual(
      'what is left',
      async () => (await files()).filter(name => uploads.some(({ UploadId }) => name.includes(UploadId))),
      [],
    )

  it('that complete it all succeed, and so does one that comes later', async () => {
    const { url } = part()
    const upload = await begin(url, 'race/complete')
    const { ETag } = await sdk(url).send(partOf(upload, 1, bytes))
    const answers = await all(6, () => sdk(url).send(completionOf(upload, [ETag])))
    answers.push(await sdk(url).send(completionOf(upload, [ETag])))
    expect(new Set(answers.map(answer => answer.ETag)).size).toBe(1)
    expect((await read(url, upload.Key)).equals(bytes)).toBe(true)
    await leftOf(upload)
  })

  it('that complete it and give it up: who is told that it is there finds it, and nothing else is', async () => {
    const { url } = part()
    const uploads: Begun[] = []
    for (let round = 0; round < 8; round++) {
      const upload = await begin(url, `race/abort-${round}`)
      uploads.push(upload)
      const { ETag } = await sdk(url).send(partOf(upload, 1, bytes))
      const [complete] = await Promise.all([
        refusal(sdk(url).send(completionOf(upload, [ETag]))),
        refusal(sdk(url).send(new AbortMultipartUploadCommand(upload))),
      ])
      const there = await refusal(sdk(url).send(new HeadObjectCommand({ Bucket, Key: upload.Key })))
      const gone = { status: 404, code: 'NoSuchUpload' }
      expect(complete).toEqual(there.status === 200 ? { status: 200, code: '' } : gone)
      if (there.status === 200) expect((await read(url, upload.Key)).equals(bytes)).toBe(true)
      expect(await refusal(sdk(url).send(partOf(upload, 2, bytes)))).toEqual(gone)
    }
    await leftOf(...uploads)
  })

  it('that bring the same part: the list decides which it was', async () => {
    const { url } = part()
    const upload = await begin(url, 'race/part')
    const bodies = Array.from({ length: 6 }, () => randomBytes(MiB))
    const parts = await all(6, i => sdk(url).send(partOf(upload, 1, bodies[i]!)))
    await sdk(url).send(completionOf(upload, [parts[3]?.ETag]))
    expect((await read(url, upload.Key)).equals(bodies[3]!)).toBe(true)
    await leftOf(upload)
  })

  it('of which one is a part that comes too late: it is refused, and not kept', async () => {
    const { url } = part()
    const upload = await begin(url, 'race/late')
    const { ETag } = await sdk(url).send(partOf(upload, 1, bytes))
    const line = dial(url)
    const target = `/media/race/late?partNumber=2&uploadId=${upload.UploadId}`
    line.say(signedHead(url, { target, headers: { 'content-length': '5', expect: '100-continue' } }))
    await line.asked()
    line.say('byt')
    await sdk(url).send(completionOf(upload, [ETag]))
    line.say('es')
    const { status, code } = await line.answer()
    expect([status, code]).toEqual([404, 'NoSuchUpload'])
    expect((await read(url, upload.Key)).equals(bytes)).toBe(true)
    await leftOf(upload)
  })
})

/** Folders with room for a mebibyte; without the right to make one there are none. */
const run = promisify(execFile)
const small = path.join(folder, 'small')
await mkdir(small)
const hasSmall = await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'mortise-test', small]).then(
  () => true,
  () => false,
)
if (hasSmall) afterAll(() => run('umount', [small]))

describe.runIf(hasSmall)('a disk that is full', () => {
  const storage = (kind: string) => ({ kind, rootPath: small })
  let part: Part
  beforeAll(async () => {
    for (const name of ['local', 'meta', 'tmp']) await mkdir(path.join(small, name))
    const tiny = {
      local: { keys: [keys], storages: { basic: storage('local') } },
      meta: { keys: [keys], storages: { basic: storage('local-meta') } },
      cloud: buckets.cloud,
    }
    part = await startPart('serve', { buckets: tiny }, { TMPDIR: path.join(small, 'tmp') })
  })
  afterAll(() => part?.stop())

  it.each(['local', 'meta'])('refuses what does not fit, and keeps what was there: %s', async Bucket => {
    const client = sdk(part.url)
    const put = (Body: Uint8Array | string) => client.send(new PutObjectCommand({ Bucket, Key: 'a.bin', Body }))
    await put('old')
    const before = (await readdir(small, { recursive: true })).toSorted()
    expect(await refusal(put(randomBytes(2 * MiB)))).toEqual({ status: 503, code: 'ServiceUnavailable' })
    expect((await readdir(small, { recursive: true })).toSorted()).toEqual(before)
    expect((await get(`${part.url}/${Bucket}/a.bin`)).text).toBe('old')
    await put('new')
    expect((await get(`${part.url}/${Bucket}/a.bin`)).text).toBe('new')
  })

  it('refuses an upload as Cloudinary has them', async () => {
    const line = dial(part.url)
    const top = `${field('file')}; filename="a"\r\n\r\n`
    line.say(formHead(part.url, '/cloud', 3 * MiB), top, Buffer.alloc(2 * MiB))
    const { status, text } = await line.answer()
    expect([status, text]).toEqual([503, 'parent storage error'])
    expect(await readdir(path.join(small, 'tmp'))).toEqual([])
  })
})
