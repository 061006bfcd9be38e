import { generateKeyPairSync, verify } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createAzureStorage } from './azure.ts'
import { decodeName, encodeName } from './azure-object.ts'
import { createGoogleStorage } from './google.ts'
import { type Answer, type Seen, startStandIn } from './stand-in.ts'
import type { Storage } from './storage.ts'

const never = new AbortController().signal
const cat = { bucket: 'photos', key: '/trip/cat.jpg' }
const unavailable = { code: 'storage_unavailable' }

type Cloud = {
  name: string
  open(endpoint: string, options: { maxSockets?: number; timeoutMs?: number }): Storage
  /** The headers of a download of a whole object. */
  headers: OutgoingHttpHeaders
  /** Where a put is told that it has succeeded. */
  made(response: ServerResponse): void
  /** Answers what is asked besides downloads and puts, about an object of `size` bytes. */
  aside(request: IncomingMessage, response: ServerResponse, size: number): boolean
  /** The URL of a download. */
  download: string
  /** The range that a download asks for. */
  rangeOf(seen: Seen): string | undefined
  /** The answer to a put that will never do. */
  refusals: [status: number, said: string, code: string][]
}

const clouds: Cloud[] = [
  {
    name: 'azure',
    open: (endpoint, options) =>
      createAzureStorage({ endpoint: `${endpoint}/me`, account: 'me', key: 'a2V5', ...options }),
    headers: { etag: '"0x1"', 'last-modified': 'Wed, 21 Oct 2026 07:28:00 GMT' },
    made: response => response.writeHead(201, { etag: '"0x1"' }).end(),
    aside: () => false,
    download: '/me/photos/trip/cat.jpg',
    rangeOf: ({ headers }) => String(headers['x-ms-range']),
    refusals: [
      [400, 'InvalidMetadata', 'invalid_request'],
      [413, 'RequestBodyTooLarge', 'too_large'],
      [403, 'AuthenticationFailed', 'storage_unavailable'],
      [404, 'ContainerNotFound', 'storage_unavailable'],
    ],
  },
  {
    name: 'google',
    open: (endpoint, options) => createGoogleStorage({ endpoint, ...options }),
    headers: { 'x-goog-generation': '7' },
    made: response => response.end(resource(6)),
    aside(request, response, size) {
      if (request.method !== 'GET' || request.url?.includes('alt=media')) return false
      response.end(resource(size))
      return true
    },
    download: '/storage/v1/b/photos/o/trip%2Fcat.jpg?alt=media',
    rangeOf: ({ headers }) => headers.range,
    refusals: [
      [400, 'Invalid argument', 'invalid_request'],
      [413, 'Too large', 'too_large'],
      [403, 'Forbidden', 'storage_unavailable'],
      [404, 'The specified bucket does not exist', 'storage_unavailable'],
    ],
  },
]

describe.each(clouds)('$name', cloud => {
  /** A storage, and a backend that answers its downloads and puts as the test says. */
  async function open(answer: Answer, options: { maxSockets?: number; timeoutMs?: number; size?: number } = {}) {
    const { size = 6, ...settings } = options
    const sockets = new Set<Socket>()
    const backend = await startStandIn((request, response) => {
      if (cloud.aside(request, response, size)) return
      sockets.add(request.socket)
      answer(request, response)
    })
    const storage = cloud.open(backend.url, settings)
    onTestFinished(() => storage[Symbol.asyncDispose]())
    const asked = () => backend.requests.filter(({ method, url }) => method !== 'GET' || url === cloud.download)
    return { ...backend, storage, asked, sockets }
  }

  const give = (response: ServerResponse, body: Buffer | string) =>
    response.writeHead(200, { ...cloud.headers, 'content-length': body.length }).end(body)

  it('makes one download for a get, with the range in it', async () => {
    const { storage, asked } = await open(
      (_, response) => {
        response.writeHead(206, { ...cloud.headers, 'content-range': 'bytes 90-99/100', 'content-length': 10 })
        response.end('0123456789')
      },
      { size: 100 },
    )
    const found = await storage.get(cat, { range: { start: 90, end: 99 }, signal: never })
    expect(found).toMatchObject({ range: { start: 90, end: 99 }, info: { size: 100 } })
    expect(await text(found!.stream())).toBe('0123456789')
    expect(asked().map(seen => [seen.method, seen.url, cloud.rangeOf(seen)])).toEqual([
      ['GET', cloud.download, 'bytes=90-99'],
    ])
  })

  it('uses no more connections for bodies than it may', async () => {
    const body = Buffer.alloc(300_000)
    const options = { maxSockets: 2, size: body.length }
    const { storage, sockets } = await open((_, response) => give(response, body), options)
    const rounds = Array.from({ length: 10 }, async () => {
      const found = await storage.get(cat, { signal: never })
      expect((await found!.bytes(body.length)).length).toBe(body.length)
    })
    await Promise.all(rounds)
    expect(sockets.size).toBe(2)
  })

  it('has its connection back from every object that is left, refused or given up', async () => {
    const body = Buffer.alloc(3_000_000)
    const options = { maxSockets: 1, size: body.length }
    const { storage } = await open((_, response) => give(response, body), options)
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
    const { storage, sockets } = await open((_, response) => response.writeHead(404).end('not here'), { maxSockets: 1 })
    for (let round = 0; round < 5; round += 1) expect(await storage.get(cat, { signal: never })).toBeNull()
    expect(sockets.size).toBe(1)
  })

  it('closes its connections when it is disposed of', async () => {
    const { storage, connections } = await open((_, response) => give(response, 'pixels'))
    await (await storage.get(cat, { signal: never }))!.bytes(6)
    expect(connections.size).toBeGreaterThan(0)
    await storage[Symbol.asyncDispose]()
    await vi.waitUntil(() => connections.size === 0, { timeout: 5_000 })
  })

  it('tries again what may pass, and gives the first good answer', async () => {
    const statuses = [503, 500]
    const { storage, asked } = await open((_, response) => {
      const status = statuses.shift()
      if (status) response.writeHead(status).end()
      else give(response, 'pixels')
    })
    const found = await storage.get(cat, { signal: never })
    expect(await text(found!.stream())).toBe('pixels')
    expect(asked()).toHaveLength(3)
  })

  it('gives up after three tries', async () => {
    const { storage, asked } = await open((_, response) => response.writeHead(503).end())
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(unavailable)
    expect(asked()).toHaveLength(3)
  })

  it('puts bytes again, from their beginning, when a connection broke', async () => {
    let tries = 0
    const { storage, asked } = await open((request, response) => {
      tries += 1
      if (tries === 1) request.socket.destroy()
      else cloud.made(response)
    })
    await storage.put(cat, { body: Buffer.from('pixels'), size: 6 }, never)
    expect(asked().map(({ body }) => /pixels/.test(body))).toEqual([true, true])
  })

  it('does not put a stream again', async () => {
    const { storage, asked } = await open((_, response) => response.writeHead(503).end())
    const body = Readable.from(['pixels'])
    await expect(storage.put(cat, { body, size: 6 }, never)).rejects.toMatchObject(unavailable)
    expect(asked()).toHaveLength(1)
    expect(body.destroyed).toBe(true)
  })

  it.each(cloud.refusals)('that answers a put with %i %s is %s, at once', async (status, said, code) => {
    const { storage, asked } = await open((_, response) => {
      response.writeHead(status, { 'x-ms-error-code': said, 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: { message: said, code: said } }))
    })
    const putting = storage.put(cat, { body: Buffer.from('a'), size: 1 }, never)
    await expect(putting).rejects.toMatchObject({ code, message: expect.stringContaining(said) })
    expect(asked()).toHaveLength(1)
  })

  async function* beginning() {
    yield Buffer.alloc(1000)
    await new Promise(() => {})
  }
  const unsent: [name: string, body: () => Uint8Array | Readable][] = [
    ['bytes', () => new Uint8Array(20_000_000)],
    ['a stream', () => Readable.from(beginning())],
  ]
  it.each(unsent)('ends a put that is refused while its body, %s, is on its way', async (_, body) => {
    const { storage, connections } = await open((_request, response) => response.writeHead(403).end())
    const object = { body: body(), size: 20_000_000 }
    await expect(storage.put(cat, object, never)).rejects.toMatchObject(unavailable)
    await vi.waitUntil(() => connections.size === 0, { timeout: 5_000 })
  })

  it('is unavailable when nobody listens', async () => {
    const { storage, stop } = await open(() => {})
    await stop()
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(unavailable)
    await expect(storage.head(cat, never)).rejects.toMatchObject(unavailable)
    await expect(storage.ping(never)).rejects.toMatchObject(unavailable)
  })

  it('is unavailable when the backend takes too long to answer, to take the body or to go on', async () => {
    let begins = false
    const { storage, asked } = await open(
      (_, response) => {
        if (begins) response.writeHead(200, { ...cloud.headers, 'content-length': 100 }).write('pix')
      },
      { timeoutMs: 300, size: 100 },
    )
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(unavailable)
    await expect(storage.put(cat, { body: Buffer.alloc(10), size: 10 }, never)).rejects.toMatchObject(unavailable)
    const long = { body: Buffer.alloc(20_000_000), size: 20_000_000 }
    await expect(storage.put(cat, long, never)).rejects.toMatchObject(unavailable)
    begins = true
    const found = await storage.get(cat, { signal: never })
    await expect(found!.bytes(100)).rejects.toMatchObject(unavailable)
    expect(asked()).toHaveLength(4)
  })

  it('lets the source of a put take its time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const { storage, asked } = await open((_, response) => cloud.made(response))
    const body = new Readable({ read() {} })
    body.push('pix')
    const putting = storage.put(cat, { body, size: 6 }, never)
    while (asked().length === 0) await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(3_600_000)
    body.push('els')
    body.push(null)
    expect((await putting).size).toBe(6)
  })

  it('waits for a reader who is slower than the backend may be', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const bytes = Buffer.alloc(3_000_000)
    const { storage } = await open((_, response) => give(response, bytes), { size: bytes.length })
    const stream = (await storage.get(cat, { signal: never }))!.stream()
    stream.once('readable', () => {})
    while (stream.readableLength < stream.readableHighWaterMark) await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect((await buffer(stream)).length).toBe(3_000_000)
  })

  it('is unavailable when a body ends early', async () => {
    const { storage } = await open(
      (request, response) => {
        response.writeHead(200, { ...cloud.headers, 'content-length': 100 })
        response.write('pixels', () => request.socket.end())
      },
      { size: 100 },
    )
    const [first, second] = [await storage.get(cat, { signal: never }), await storage.get(cat, { signal: never })]
    await expect(first!.bytes(100)).rejects.toMatchObject(unavailable)
    await expect(buffer(second!.stream())).rejects.toMatchObject(unavailable)
  })

  it('is unavailable when another range comes than was asked for', async () => {
    const headers = { ...cloud.headers, 'content-range': 'bytes 0-9/100', 'content-length': 10 }
    const { storage, connections } = await open((_, response) => response.writeHead(206, headers).end('0123456789'), {
      size: 100,
    })
    await expect(storage.get(cat, { range: { start: 5, end: 14 }, signal: never })).rejects.toMatchObject(unavailable)
    await storage[Symbol.asyncDispose]()
    await vi.waitUntil(() => connections.size === 0, { timeout: 5_000 })
  })

  it('stops waiting, and trying, when the signal is aborted', async () => {
    const { storage, asked, connections } = await open(() => {})
    const controller = new AbortController()
    const getting = storage.get(cat, { signal: controller.signal })
    await vi.waitUntil(() => asked().length === 1, { timeout: 5_000 })
    const reason = new Error('nobody waits')
    controller.abort(reason)
    await expect(getting).rejects.toBe(reason)
    expect(asked()).toHaveLength(1)
    await storage[Symbol.asyncDispose]()
    await vi.waitUntil(() => connections.size === 0, { timeout: 5_000 })
  })
})

describe('azure', () => {
  const open = async (answer: Answer, options = {}) => {
    const backend = await startStandIn(answer)
    const storage = createAzureStorage({ endpoint: `${backend.url}/me`, account: 'me', key: 'a2V5', ...options })
    onTestFinished(() => storage[Symbol.asyncDispose]())
    return { ...backend, storage }
  }

  it('puts in one signed request what is said about an object, and the configured headers', async () => {
    const { storage, requests } = await open((_, response) => response.writeHead(201, { etag: '"0x1"' }).end(), {
      headers: { 'X-MS-Access-Tier': 'Cool', 'Cache-Control': 'no-store' },
    })
    const said = { contentDisposition: 'attachment; filename="ü"', metadata: { 'a-b': 'c' } }
    const made = await storage.put(cat, { body: Readable.from(['pixels']), size: 6, ...said }, never)
    expect(made).toMatchObject({ ...said, contentType: 'image/jpeg', cacheControl: 'no-store', size: 6, etag: '0x1' })
    expect(requests.map(({ method, headers, body }) => ({ method, headers, body }))).toEqual([
      {
        method: 'PUT',
        headers: expect.objectContaining({
          'content-length': '6',
          'x-ms-blob-type': 'BlockBlob',
          'x-ms-blob-content-type': 'image/jpeg',
          'x-ms-blob-cache-control': 'no-store',
          'x-ms-blob-content-disposition': '=?UTF-8?B?YXR0YWNobWVudDsgZmlsZW5hbWU9IsO8Ig==?=',
          'x-ms-meta-a_2db': 'c',
          'x-ms-access-tier': 'Cool',
          authorization: expect.stringMatching(/^SharedKey me:/),
        }),
        body: 'pixels',
      },
    ])
  })

  it('reads the end of an object of which it knows the length, and looks again when that was replaced', async () => {
    const sizes = [50, 100]
    const versions: (string | undefined)[] = []
    const { storage } = await open((request, response) => {
      if (request.method === 'HEAD') {
        const size = sizes.shift()!
        response.writeHead(200, { etag: `"0x${size}"`, 'content-length': size }).end()
        return
      }
      versions.push(request.headers['if-match'])
      if (versions.length === 1) return void response.writeHead(412).end()
      const range = { 'content-range': 'bytes 90-99/100', 'content-length': 10 }
      response.writeHead(206, { etag: '"0x100"', ...range }).end('0123456789')
    })
    const found = await storage.get(cat, { range: { suffix: 10 }, signal: never })
    expect(await text(found!.stream())).toBe('0123456789')
    expect(versions).toEqual(['"0x50"', '"0x100"'])
  })

  it('can be asked for a suffix of what is not there', async () => {
    const { storage } = await open((_, response) => response.writeHead(404).end())
    expect(await storage.get(cat, { range: { suffix: 10 }, signal: never })).toBeNull()
  })

  it('has names of metadata that Azure takes, and reads back which they were', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,40}$/), name => {
        expect(encodeName(name)).toMatch(/^[a-z_][a-z0-9_]*$/)
        expect(decodeName(encodeName(name))).toBe(name)
      }),
    )
    expect(['my_file', 'a_be', 'is_41', 'x_30'].map(decodeName)).toEqual(['my_file', 'a_be', 'is_41', 'x_30'])
  })

  it.each([
    { account: '' },
    { key: '' },
    { key: 'no base 64' },
    { endpoint: 'ftp://host' },
    { endpoint: 'a b' },
    { endpoint: 'https://host?a' },
  ])('refuses the settings %o', settings => {
    const create = () => createAzureStorage({ account: 'me', key: 'a2V5', ...settings })
    expect(create).toThrow(expect.objectContaining({ code: 'invalid_config' }))
  })
})

describe('google', () => {
  const open = async (answer: Answer, options = {}) => {
    const backend = await startStandIn(answer)
    const storage = createGoogleStorage({ endpoint: backend.url, ...options })
    onTestFinished(() => storage[Symbol.asyncDispose]())
    return { ...backend, storage }
  }
  const isDownload = ({ url }: IncomingMessage) => url?.includes('alt=media') ?? false
  const account = { type: 'service_account', client_email: 'robot@example.com', project_id: 'p' }

  it('puts in one request what is said about an object, its bytes, and the configured headers', async () => {
    const { storage, requests } = await open((_, response) => response.end(resource(6)), {
      headers: { 'X-Goog-ACL': 'public-read', 'X-Goog-User-Project': 'payer', 'Cache-Control': 'no-store' },
    })
    const said = { contentDisposition: 'attachment; filename="ü"', metadata: { 'a-b': 'ü' } }
    const made = await storage.put(cat, { body: Readable.from(['pixels']), size: 6, ...said }, never)
    expect(made).toMatchObject({ ...said, contentType: 'image/jpeg', cacheControl: 'no-store', size: 6, etag: '7-1' })
    expect(requests.map(({ method, url }) => [method, url])).toEqual([
      ['POST', '/upload/storage/v1/b/photos/o?uploadType=multipart&predefinedAcl=publicRead'],
    ])
    const { headers, body } = requests[0]!
    expect(headers['x-goog-user-project']).toBe('payer')
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body))
    const boundary = /^multipart\/related; boundary=(.+)$/.exec(headers['content-type'] ?? '')?.[1]
    const [, described, bytes, end] = body.split(`--${boundary}`)
    expect(JSON.parse(described!.split('\r\n\r\n')[1]!)).toEqual({
      name: 'trip/cat.jpg',
      contentType: 'image/jpeg',
      cacheControl: 'no-store',
      ...said,
    })
    expect([bytes, end]).toEqual(['\r\ncontent-type: image/jpeg\r\n\r\npixels\r\n', '--\r\n'])
  })

  it('looks again when an object was replaced between its two requests', async () => {
    const generations = ['6', '7']
    const { storage, connections } = await open((request, response) => {
      if (!isDownload(request)) return void response.end(resource(6))
      response.writeHead(200, { 'x-goog-generation': generations.shift(), 'content-length': 6 }).end('pixels')
    })
    const found = await storage.get(cat, { signal: never })
    expect(await text(found!.stream())).toBe('pixels')
    expect(generations).toEqual([])
    await storage[Symbol.asyncDispose]()
    await vi.waitUntil(() => connections.size === 0, { timeout: 5_000 })
  })

  it('cuts a range out of the whole when it is not given alone', async () => {
    const { storage } = await open((request, response) => {
      if (!isDownload(request)) return void response.end(resource(10))
      response.writeHead(200, { 'x-goog-generation': '7', 'content-length': 10 }).end('0123456789')
    })
    const found = await storage.get(cat, { range: { start: 3, end: 5 }, signal: never })
    expect([await text(found!.stream()), found?.range]).toEqual(['345', { start: 3, end: 5 }])
  })

  const failures: [name: string, answer: Answer][] = [
    ['is refused', (_, response) => response.writeHead(403).end()],
    ['is no description', (_, response) => response.end('<html>')],
    [
      'breaks off',
      (_, response) => response.writeHead(200, { 'content-length': 9 }).write('{', () => response.destroy()),
    ],
  ]
  it.each(failures)('leaves no download open when what is said about an object %s', async (_, answer) => {
    const { storage, connections } = await open((request, response) => {
      if (!isDownload(request)) return answer(request, response)
      response.writeHead(200, { 'x-goog-generation': '7', 'content-length': 3_000_000 })
      response.write(Buffer.alloc(2_000_000))
    })
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(unavailable)
    await vi.waitUntil(() => connections.size <= 1, { timeout: 5_000 })
  })

  it('shows tokens that a service account has signed itself', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' })
    const configJson = JSON.stringify({ ...account, private_key })
    const { storage, requests } = await open((_, response) => response.end('{}'), { configJson, scopes: ['a', 'b'] })
    await storage.ping(never)
    expect(requests[0]?.url).toBe('/storage/v1/b?project=p&maxResults=1')
    const [head, claims, signature] = (requests[0]?.headers.authorization ?? '').replace('Bearer ', '').split('.')
    expect(JSON.parse(Buffer.from(claims!, 'base64url').toString())).toMatchObject({
      iss: 'robot@example.com',
      scope: 'a b',
    })
    const signed = Buffer.from(`${head}.${claims}`)
    expect(verify('sha256', signed, publicKey, Buffer.from(signature!, 'base64url'))).toBe(true)
  })

  it('is there for keys that may not list, and not for those that it does not know', async () => {
    const statuses = [403, 401]
    const { storage } = await open((_, response) => response.writeHead(statuses.shift()!).end(), { bucket: 'photos' })
    await storage.ping(never)
    await expect(storage.ping(never)).rejects.toMatchObject(unavailable)
  })

  it.each([
    { endpoint: 'ftp://host' },
    { endpoint: 'http://host/path' },
    { endpoint: 'a b' },
    { configJson: 'secret' },
    { configJson: '[]' },
    { configJson: JSON.stringify({ ...account, private_key: 'none' }) },
    { configJson: JSON.stringify({ type: 'external_account' }) },
  ])('refuses the settings %o without saying what is secret', settings => {
    const create = () => createGoogleStorage(settings)
    expect(create).toThrow(expect.objectContaining({ code: 'invalid_config' }))
    expect(create).not.toThrow('secret')
  })
})

function resource(size: number): string {
  return JSON.stringify({ size: String(size), generation: '7', metageneration: '1', updated: '2026-10-21T07:28:00Z' })
}
