import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createS3Storage, type S3StorageOptions } from './s3.ts'

const never = new AbortController().signal
const cat = { bucket: 'photos', key: '/trip/cat.jpg' }

describe('s3 requests', () => {
  it('makes one request for a get, with the range in it', async () => {
    const { storage, requests } = await open((_, response) => {
      response.writeHead(206, { 'content-range': 'bytes 90-99/100', 'content-length': 10, etag: '"abc"' })
      response.end('0123456789')
    })
    const found = await storage.get(cat, { range: { suffix: 10 }, signal: never })
    expect(found).toMatchObject({ range: { start: 90, end: 99 }, info: { size: 100, etag: 'abc' } })
    expect(await text(found!.stream())).toBe('0123456789')
    expect(requests.map(({ method, url, headers }) => [method, url, headers.range])).toEqual([
      ['GET', '/photos/trip/cat.jpg', 'bytes=-10'],
    ])
  })

  it('makes one request for a put, with what is said about the object and the configured headers', async () => {
    const { storage, requests } = await open((_, response) => response.end(), { headers: { 'X-Amz-ACL': 'private' } })
    const said = { cacheControl: 'no-store', contentDisposition: 'attachment; filename="ü"', metadata: { a: 'b' } }
    const made = await storage.put(cat, { body: Readable.from(['pixels']), size: 6, ...said }, never)
    expect(made).toMatchObject({ ...said, contentType: 'image/jpeg', size: 6 })
    expect(requests.map(({ method, headers, body }) => ({ method, headers, body }))).toEqual([
      {
        method: 'PUT',
        headers: expect.objectContaining({
          'content-type': 'image/jpeg',
          'content-length': '6',
          'cache-control': 'no-store',
          'content-disposition': 'attachment; filename="ü"',
          'x-amz-meta-a': 'b',
          'x-amz-acl': 'private',
          authorization: expect.stringMatching(/\/us-east-1\/s3\/.*SignedHeaders=host;x-amz-acl;.*;x-amz-meta-a,/),
        }),
        body: 'pixels',
      },
    ])
  })

  it('refuses a header that HTTP cannot carry', async () => {
    const { storage, requests } = await open((_, response) => response.end())
    const putting = storage.put(cat, { body: Buffer.from('a'), size: 1, contentDisposition: '日本' }, never)
    await expect(putting).rejects.toMatchObject({ code: 'invalid_request' })
    expect(requests).toEqual([])
  })

  it('uses no more connections than it may', async () => {
    const { storage, connections } = await open((_, response) => response.end(Buffer.alloc(300_000)), { maxSockets: 2 })
    const rounds = Array.from({ length: 10 }, async () => {
      const found = await storage.get(cat, { signal: never })
      expect((await found!.bytes(300_000)).length).toBe(300_000)
    })
    await Promise.all(rounds)
    expect(connections.most).toBe(2)
  })

  it('has its connection back from every object that is left, refused or given up', async () => {
    const { storage } = await open((_, response) => response.end(Buffer.alloc(3_000_000)), { maxSockets: 1 })
    const get = async (signal = never) => (await storage.get(cat, { signal }))!
    const controller = new AbortController()
    await (await get())[Symbol.asyncDispose]()
    await expect((await get()).bytes(2_999_999)).rejects.toMatchObject({ code: 'too_large' })
    ;(await get()).stream().destroy()
    await get(controller.signal)
    controller.abort()
    expect((await (await get()).bytes(3_000_000)).length).toBe(3_000_000)
  })

  it('serves the next request on the connection of one that found nothing', async () => {
    const { storage, connections } = await open((_, response) => {
      response.statusCode = 404
      response.end('<Error><Code>NoSuchKey</Code></Error>')
    })
    for (let round = 0; round < 5; round += 1) expect(await storage.get(cat, { signal: never })).toBeNull()
    expect(connections.made).toBe(1)
  })

  it('closes its connections when it is disposed of', async () => {
    const { storage, connections } = await open((_, response) => response.end('pixels'))
    await storage.head(cat, never)
    const [socket] = connections.open
    const closed = once(socket!, 'close')
    await storage[Symbol.asyncDispose]()
    await closed
  })
})

describe('s3 failures', () => {
  it('tries again what may pass, and gives the first good answer', async () => {
    const statuses = [503, 500, 200]
    const { storage, requests } = await open((_, response) => {
      response.statusCode = statuses.shift()!
      response.end('pixels')
    })
    const found = await storage.get(cat, { signal: never })
    expect(await text(found!.stream())).toBe('pixels')
    expect(requests).toHaveLength(3)
  })

  it('gives up after three tries', async () => {
    const { storage, requests } = await open((_, response) => {
      response.statusCode = 503
      response.end('<Error><Code>SlowDown</Code></Error>')
    })
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(requests).toHaveLength(3)
  })

  it('does not wait for the end of an answer that it gives up on', async () => {
    let tries = 0
    const { storage } = await open(
      (_, response) => {
        tries += 1
        response.statusCode = tries === 1 ? 503 : 200
        if (tries === 1) response.write('<Error>')
        else response.end('pixels')
      },
      { maxSockets: 1 },
    )
    const found = await storage.get(cat, { signal: never })
    expect(await text(found!.stream())).toBe('pixels')
  })

  it('puts bytes again, from their beginning, when a connection broke', async () => {
    let tries = 0
    const { storage, requests } = await open((request, response) => {
      tries += 1
      if (tries === 1) request.socket.destroy()
      else response.end()
    })
    await storage.put(cat, { body: Buffer.from('pixels'), size: 6 }, never)
    expect(requests.map(({ body }) => body)).toEqual(['pixels', 'pixels'])
  })

  it('does not put a stream again', async () => {
    const { storage, requests } = await open((_, response) => {
      response.statusCode = 503
      response.end()
    })
    const body = Readable.from(['pixels'])
    await expect(storage.put(cat, { body, size: 6 }, never)).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(requests).toHaveLength(1)
    expect(body.destroyed).toBe(true)
  })

  const refusals: [status: number, s3Code: string, code: string][] = [
    [400, 'KeyTooLongError', 'invalid_request'],
    [400, 'EntityTooLarge', 'too_large'],
    [403, 'AccessDenied', 'storage_unavailable'],
    [403, 'InvalidObjectState', 'storage_unavailable'],
    [301, 'PermanentRedirect', 'storage_unavailable'],
    [404, 'NoSuchBucket', 'storage_unavailable'],
  ]
  for (const [status, s3Code, code] of refusals) {
    it(`says ${code} when a put is answered by ${s3Code}, at once`, async () => {
      const { storage, requests } = await open((_, response) => {
        response.statusCode = status
        response.end(`<?xml version="1.0"?><Error><Code>${s3Code}</Code><Message>no</Message></Error>`)
      })
      const putting = storage.put(cat, { body: Buffer.from('a'), size: 1 }, never)
      await expect(putting).rejects.toMatchObject({ code, message: expect.stringContaining(s3Code) })
      expect(requests).toHaveLength(1)
    })
  }

  async function* beginning() {
    yield Buffer.alloc(1000)
    await new Promise(() => {})
  }
  const unsent: [name: string, body: () => Uint8Array | Readable][] = [
    ['bytes', () => new Uint8Array(20_000_000)],
    ['a stream', () => Readable.from(beginning())],
  ]
  for (const [name, body] of unsent) {
    it(`ends a put that is refused while its body, ${name}, is on its way`, async () => {
      const { storage, connections } = await open((_, response) => {
        response.statusCode = 403
        response.end('<Error><Code>AccessDenied</Code></Error>')
      })
      const object = { body: body(), size: 20_000_000 }
      await expect(storage.put(cat, object, never)).rejects.toMatchObject({ code: 'storage_unavailable' })
      await vi.waitUntil(() => connections.open.size === 0, { timeout: 5_000 })
    })
  }

  const archives: [xml: string, storageClass: string | undefined][] = [
    ['<StorageClass>GLACIER</StorageClass>', 'GLACIER'],
    ['<StorageClass>DEEP_ARCHIVE</StorageClass>', 'DEEP_ARCHIVE'],
    ['<StorageClass>INTELLIGENT_TIERING</StorageClass><AccessTier>ARCHIVE_ACCESS</AccessTier>', 'INTELLIGENT_TIERING'],
    ['<StorageClass>&#10;</StorageClass>', undefined],
  ]
  for (const [xml, storageClass] of archives) {
    it(`says so when an archived object is opened: ${xml}`, async () => {
      const { storage, requests } = await open((_, response) => {
        response.statusCode = 403
        response.end(`<Error><Code>InvalidObjectState</Code>${xml}</Error>`)
      })
      const archived = { code: 'archived', storageClass, message: expect.stringContaining('InvalidObjectState') }
      await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(archived)
      expect(requests).toHaveLength(1)
    })
  }

  const restores: [status: number, s3Code: string][] = [
    [202, ''],
    [200, ''],
    [409, 'RestoreAlreadyInProgress'],
    [403, 'ObjectAlreadyInActiveTierError'],
  ]
  for (const [status, s3Code] of restores) {
    it(`begins to restore an object, and takes ${status} ${s3Code} for a success`, async () => {
      const { storage, requests } = await open((_, response) => {
        response.statusCode = status
        response.end(`<Error><Code>${s3Code}</Code></Error>`)
      })
      await storage.restore!(cat, { days: 3, tier: 'Bulk', signal: never })
      await storage.restore!(cat, { days: null, tier: 'Standard', signal: never })
      expect(requests.map(({ method, url, body }) => [method, url?.replace(/=$/, ''), body])).toEqual([
        ['POST', '/photos/trip/cat.jpg?restore', restoring('<Days>3</Days>', 'Bulk')],
        ['POST', '/photos/trip/cat.jpg?restore', restoring('', 'Standard')],
      ])
    })
  }
  const restoring = (days: string, tier: string) =>
    `<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${days}<GlacierJobParameters><Tier>${tier}</Tier></GlacierJobParameters></RestoreRequest>`

  for (const s3Code of ['AccessDenied', 'InvalidObjectState', 'OperationAborted']) {
    it(`has not begun to restore an object when S3 answers ${s3Code}`, async () => {
      const { storage } = await open((_, response) => {
        response.statusCode = s3Code === 'OperationAborted' ? 409 : 403
        response.end(`<Error><Code>${s3Code}</Code></Error>`)
      })
      await expect(storage.restore!(cat, { days: 3, tier: 'Bulk', signal: never })).rejects.toMatchObject({
        code: 'storage_unavailable',
        message: expect.stringContaining(s3Code),
      })
    })
  }

  it('asks for what is behind any key as it is signed', async () => {
    const { storage, requests } = await open((_, response) => response.end('<ListBucketResult></ListBucketResult>'))
    await storage.list!('photos', { prefix: '/a b', after: "/a b+(1)*~'!.jpg", limit: 10, signal: never })
    expect(requests.map(({ url }) => url)).toEqual([
      '/photos?encoding-type=url&list-type=2&max-keys=10&prefix=a%20b&start-after=a%20b%2B%281%29%2A~%27%21.jpg',
    ])
  })

  it('takes a backend for good that knows the keys but does not let them list', async () => {
    const codes = ['AccessDenied', 'InvalidAccessKeyId']
    const { storage } = await open((_, response) => {
      response.statusCode = 403
      response.end(`<Error><Code>${codes.shift()}</Code></Error>`)
    })
    await storage.ping(never)
    await expect(storage.ping(never)).rejects.toMatchObject({ code: 'storage_unavailable' })
  })

  it('is unavailable when nobody listens', async () => {
    const { storage, server } = await open(() => {})
    server.close()
    await once(server, 'close')
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject({ code: 'storage_unavailable' })
    await expect(storage.ping(never)).rejects.toMatchObject({ code: 'storage_unavailable' })
  })

  it('is unavailable when the backend takes too long to answer, to take the body or to go on', async () => {
    const { storage, requests } = await open(
      (request, response) => {
        if (request.headers.range) response.writeHead(206, bytes(0, 99, 100)).write('pix')
      },
      { timeoutMs: 60 },
    )
    const unavailable = { code: 'storage_unavailable' }
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(unavailable)
    await expect(storage.put(cat, { body: Buffer.alloc(10), size: 10 }, never)).rejects.toMatchObject(unavailable)
    const found = await storage.get(cat, { range: { start: 0 }, signal: never })
    await expect(found!.bytes(100)).rejects.toMatchObject(unavailable)
    expect(requests).toHaveLength(3)
  })

  it('waits for a reader who is slower than the backend may be', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const { storage } = await open((_, response) => response.end(Buffer.alloc(3_000_000)))
    const stream = (await storage.get(cat, { signal: never }))!.stream()
    stream.once('readable', () => {})
    while (stream.readableLength < stream.readableHighWaterMark) await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect((await buffer(stream)).length).toBe(3_000_000)
  })

  it('is unavailable when a body ends early', async () => {
    const { storage } = await open((request, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('pixels', () => request.socket.end())
    })
    const [first, second] = [await storage.get(cat, { signal: never }), await storage.get(cat, { signal: never })]
    await expect(first!.bytes(100)).rejects.toMatchObject({ code: 'storage_unavailable' })
    await expect(buffer(second!.stream())).rejects.toMatchObject({ code: 'storage_unavailable' })
  })

  it('is unavailable when an answer makes no sense', async () => {
    const answers = [
      bytes(0, 9, 100),
      { 'content-length': 10, 'content-range': 'bytes 0-10/100' },
      { 'content-length': 10 },
    ]
    const { storage } = await open((_, response) => {
      response.writeHead(206, answers.shift()).end('0123456789')
    })
    expect((await storage.get(cat, { range: { start: 0, end: 9 }, signal: never }))?.info.size).toBe(100)
    for (let round = 0; round < 2; round += 1) {
      const getting = storage.get(cat, { range: { start: 0, end: 9 }, signal: never })
      await expect(getting).rejects.toMatchObject({ code: 'storage_unavailable' })
    }
  })

  it('stops waiting, and trying, when the signal is aborted', async () => {
    const { storage, requests, connections } = await open(() => {})
    const controller = new AbortController()
    const getting = storage.get(cat, { signal: controller.signal })
    await vi.waitUntil(() => requests.length === 1, { timeout: 5_000 })
    const reason = new Error('nobody waits')
    controller.abort(reason)
    await expect(getting).rejects.toBe(reason)
    await vi.waitUntil(() => connections.open.size === 0, { timeout: 5_000 })
    expect(requests).toHaveLength(1)
  })
})

it('refuses an endpoint that is none', () => {
  for (const endpoint of ['http://', 'ftp://host', 'http://host/path', 'http://user@host', 'a b']) {
    const create = () => createS3Storage({ endpoint, accessKey: 'a', secretAccessKey: 'b' })
    expect(create).toThrow(expect.objectContaining({ code: 'invalid_config' }))
  }
})

function bytes(start: number, end: number, size: number) {
  return { 'content-length': end - start + 1, 'content-range': `bytes ${start}-${end}/${size}` }
}

type Seen = { method: string | undefined; url: string | undefined; headers: IncomingMessage['headers']; body: string }

/** A storage, and a backend that does what the test says. */
async function open(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  options: Partial<S3StorageOptions> = {},
) {
  const requests: Seen[] = []
  const connections = { open: new Set<Socket>(), made: 0, most: 0 }
  const server: Server = createServer(async (request, response) => {
    const { method, url, headers } = request
    const seen = { method, url, headers, body: '' }
    requests.push(seen)
    const expected = Number(headers['content-length'] ?? 0)
    // A long body is left in the socket.
    if (expected < 1000) seen.body = await text(request)
    answer(request, response)
  })
  server.on('connection', socket => {
    connections.open.add(socket)
    connections.made += 1
    connections.most = Math.max(connections.most, connections.open.size)
    socket.once('close', () => connections.open.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const keys = { accessKey: 'somebody', secretAccessKey: 'secret' }
  const storage = createS3Storage({ endpoint: `http://127.0.0.1:${port}`, ...keys, ...options })
  onTestFinished(async () => {
    await storage[Symbol.asyncDispose]()
    server.closeAllConnections()
    server.close()
  })
  return { storage, server, requests, connections }
}
