import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { testStorage } from '@mortise/storage/conformance'
import { createHttpStorage, type HttpStorageOptions } from '@mortise/storage/http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Flaw, startOrigin } from './servers/origin.ts'
import { untilEqual } from './until.ts'

const origins: [name: string, flaws: Flaw[]][] = [
  ['a web server', []],
  ['one that says no length', ['chunked']],
  ['one that says no version', ['undated']],
  ['one that says neither', ['chunked', 'undated']],
  ['one without ranges', ['unranged']],
  ['one without ranges or length', ['unranged', 'chunked']],
  ['one that gives other ranges', ['misranged']],
]

describe.each(origins)('%s', (_, flaws) => {
  testStorage(
    'http',
    async () => {
      const origin = await startOrigin()
      const http = createHttpStorage(origin.web)
      origin.behave(() => flaws)
      return {
        storage: {
          ...http,
          async put(ref, { body, metadata = {}, ...object }, signal) {
            const headers = {
              'content-type': object.contentType,
              'cache-control': object.cacheControl,
              'content-encoding': object.contentEncoding,
              'content-language': object.contentLanguage,
              'content-disposition': object.contentDisposition,
              ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
            }
            const said = Object.entries(headers).filter(([, value]) => value !== undefined)
            origin.put(`/${ref.bucket}${ref.key}`, body as Uint8Array, Object.fromEntries(said) as typeof metadata)
            return (await http.head(ref, signal))!
          },
          delete: async ({ bucket, key }) => origin.delete(`/${bucket}${key}`),
        },
        async [Symbol.asyncDispose]() {
          await http[Symbol.asyncDispose]()
          await origin[Symbol.asyncDispose]()
        },
      }
    },
    // An origin that tells no version tells no date either.
    { writing: true, spaces: true, expires: true, dates: flaws.includes('undated') },
  )
})

const never = new AbortController().signal
const cat = { bucket: 'photos', key: '/cat.jpg' }
const unavailable = { code: 'storage_unavailable' }
const pixels = Buffer.alloc(100_000, 'pixels')

/** A storage over an origin with one object, both closed at the end of the test. */
async function open(options: Partial<HttpStorageOptions> = {}) {
  const origin = await startOrigin()
  const storage = createHttpStorage({ ...origin.web, timeoutMs: 5_000, ...options })
  onTestFinished(async () => {
    await storage[Symbol.asyncDispose]()
    await origin[Symbol.asyncDispose]()
  })
  origin.put('/photos/cat.jpg', pixels)
  const get = async (signal = never) => (await storage.get(cat, { signal }))!
  return { origin, storage, get, bytes: async () => (await get()).bytes(pixels.length) }
}

describe('http requests', () => {
  it('are one GET for a read, with the range in it and the configured headers', async () => {
    const { origin, storage } = await open({
      headers: { 'X-Token': 'secret', Host: 'cdn.example.com', Range: 'bytes=0-0' },
    })
    const found = await storage.get(cat, { range: { start: 6, end: 11 }, signal: never })
    expect(Buffer.from(await found!.bytes(6)).toString()).toBe('pixels')
    expect(origin.requests).toEqual(['GET /photos/cat.jpg'])
    const asked = { 'x-token': 'secret', host: 'cdn.example.com', range: 'bytes=6-11', 'accept-encoding': 'identity' }
    expect(origin.latest).toMatchObject(asked)
    expect(await storage.head(cat, never)).toEqual(found?.info)
    expect(origin.requests).toEqual(['GET /photos/cat.jpg', 'HEAD /photos/cat.jpg'])
  })

  it('carry the credentials of the URL, and no others', async () => {
    const origin = await startOrigin()
    await using _origin = origin
    await using storage = createHttpStorage({ url: origin.web.url.replace('//', '//me:s%40fe@') })
    expect(await storage.get(cat, { signal: never })).toBeNull()
    expect(origin.latest.authorization).toBe(`Basic ${Buffer.from('me:s@fe').toString('base64')}`)
  })

  it('use no more connections than they may, and give them back whatever happens to an object', async () => {
    const { storage, get, bytes } = await open({ maxSockets: 1 })
    const controller = new AbortController()
    await (await get())[Symbol.asyncDispose]()
    await expect((await get()).bytes(10)).rejects.toMatchObject({ code: 'too_large' })
    ;(await get()).stream().destroy()
    await get(controller.signal)
    controller.abort()
    await expect(storage.get(cat, { range: { start: 100_000 }, signal: never })).rejects.toMatchObject({
      code: 'range_not_satisfiable',
    })
    expect(await Promise.all([bytes(), bytes(), bytes()])).toHaveLength(3)
  })

  it('are made again once when the connection breaks before an answer', async () => {
    const { origin, bytes } = await open()
    origin.behave(() => (origin.requests.length === 1 ? 'sever' : 'answer'))
    expect(await bytes()).toHaveLength(pixels.length)
    origin.behave(() => 'sever')
    await expect(bytes()).rejects.toMatchObject(unavailable)
    expect(origin.requests).toHaveLength(4)
  })

  it.each<Record<string, string>>([{ 'X-A': 'a\nb' }, { 'a b': 'c' }])('cannot have the headers %o', headers => {
    expect(() => createHttpStorage({ url: 'http://host<item>', headers })).toThrow(
      expect.objectContaining({ code: 'invalid_config' }),
    )
  })
})

describe('http redirects', () => {
  const to = (location: string) => ({ status: 302, headers: { location } })

  it('are followed three times', async () => {
    const { origin, storage, bytes } = await open()
    let hops = 0
    origin.behave(() => (hops++ < 3 ? to('/photos/cat.jpg?again') : 'answer'))
    expect(await bytes()).toHaveLength(pixels.length)
    origin.behave(() => to('/photos/cat.jpg'))
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(unavailable)
  })

  it('take what is configured only to the host that is configured', async () => {
    const { origin, bytes } = await open({ headers: { authorization: 'secret' } })
    await using other = await startOrigin()
    other.put('/photos/cat.jpg', pixels)
    origin.behave(() => to(`${other.url}/photos/cat.jpg`))
    expect(await bytes()).toHaveLength(pixels.length)
    expect([origin.latest.authorization, other.latest.authorization]).toEqual(['secret', undefined])
  })

  it.each(['file:///etc/passwd', 'ftp://host/a', 'http://[', 'data:,pixels'])(
    'are not followed to %s',
    async location => {
      const { origin, storage } = await open()
      origin.behave(() => to(location))
      await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(unavailable)
    },
  )
})

describe('http answers', () => {
  it.each([404, 410])('of %i are nothing', async status => {
    const { origin, storage } = await open()
    origin.behave(() => ({ status, body: 'gone' }))
    expect([await storage.get(cat, { signal: never }), await storage.head(cat, never)]).toEqual([null, null])
  })

  it.each([201, 204, 302, 304, 401, 403, 405, 429, 500, 503])('of %i are no object', async status => {
    const { origin, storage } = await open()
    origin.behave(() => ({ status }))
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(unavailable)
    await expect(storage.get(cat, { range: { start: 1 }, signal: never })).rejects.toMatchObject(unavailable)
    await expect(storage.head(cat, never)).rejects.toMatchObject(unavailable)
  })

  it('to HEAD may be missing', async () => {
    const { origin, storage } = await open()
    const known = await storage.head(cat, never)
    origin.behave(request => (request.startsWith('HEAD') ? { status: 405 } : 'answer'))
    expect(await storage.head(cat, never)).toEqual(known)
  })

  it.each([
    ['"abc"', undefined, { etag: 'abc' }],
    ['abc', undefined, { etag: 'abc' }],
    ['W/"abc"', undefined, { etag: 'abc', weak: true }],
    [undefined, 'Wed, 21 Oct 2015 07:28:00 GMT', { etag: '150894c2400-3', weak: true }],
    ['', 'nonsense', { etag: '900150983cd24fb0d6963f7d28e17f72' }],
  ])('with the ETag %s and the date %s are the version %o', async (etag, date, expected) => {
    const { origin, storage } = await open()
    const headers = Object.entries({ etag, 'last-modified': date }).filter(([, value]) => value !== undefined)
    origin.behave(() => 'undated')
    origin.put('/photos/cat.jpg', Buffer.from('abc'), Object.fromEntries(headers) as Record<string, string>)
    const info = await storage.head(cat, never)
    expect({ etag: info?.etag, ...(info?.weak ? { weak: true } : {}) }).toEqual(expected)
  })

  it('say more in x- headers, but nothing that is ours to say', async () => {
    const { origin, storage } = await open()
    const orders = { 'x-accel-redirect': '/etc', 'x-lighttpd-send-file': '/etc', 'x-reproxy-url': 'http://a' }
    const ours = { 'x-mort-cache': 'hit', 'x-request-id': '1', 'x-amz-meta-a': 'b', server: 'x', ...orders }
    origin.put('/photos/cat.jpg', pixels, { 'X-Frame-Options': 'DENY', ...ours })
    const info = await storage.head(cat, never)
    expect([info?.extraHeaders, info?.metadata]).toEqual([{ 'x-frame-options': 'DENY' }, { a: 'b' }])
  })
})

describe('http bodies', () => {
  const broken: [name: string, flaws: Flaw[]][] = [
    ['that are cut off', ['truncate']],
    ['without length that are cut off', ['truncate', 'chunked']],
    ['that stall', ['stall']],
    ['without length that stall', ['stall', 'chunked']],
  ]

  it.each(broken)('%s are never taken for whole', async (_, flaws) => {
    const { origin, storage, bytes } = await open({ timeoutMs: 300 })
    origin.behave(() => flaws)
    await expect(bytes()).rejects.toMatchObject(unavailable)
    const streamed = async () => buffer((await storage.get(cat, { signal: never }))!.stream())
    await expect(streamed()).rejects.toMatchObject(unavailable)
  })

  it('without length have a limit each, and all together', async () => {
    const { origin, storage, bytes } = await open({ maxUnknownBytes: 100_000 })
    origin.behave(() => 'chunked')
    origin.put('/photos/large.jpg', Buffer.alloc(100_001))
    const large = { ...cat, key: '/large.jpg' }
    await expect(storage.get(large, { signal: never })).rejects.toMatchObject({ code: 'too_large' })
    const opened = await Promise.all(Array.from({ length: 4 }, () => storage.get(cat, { signal: never })))
    await expect(bytes()).rejects.toMatchObject(unavailable)
    await opened[0]?.[Symbol.asyncDispose]()
    await opened[1]?.bytes(100_000)
    await buffer(opened[2]!.stream())
    expect(await Promise.all([bytes(), bytes(), bytes()])).toHaveLength(3)
  })

  it('of known length are streamed however large, each time as another version when nothing says which', async () => {
    const { origin, get } = await open({ maxUnknownBytes: 1000 })
    origin.behave(() => 'undated')
    const [one, other] = [await get(), await get()]
    expect([one.info.size, one.info.weak]).toEqual([pixels.length, true])
    expect(one.info.etag).not.toBe(other.info.etag)
    expect(await buffer(one.stream())).toEqual(pixels)
    await other[Symbol.asyncDispose]()
  })
})

describe('http storages', () => {
  it('are read only, and leave no body open', async () => {
    const { storage, origin } = await open()
    const body = Readable.from(['pixels'])
    await expect(storage.put(cat, { body, size: 6 }, never)).rejects.toMatchObject({ code: 'unsupported' })
    expect(body.destroyed).toBe(true)
    await expect(storage.delete(cat, never)).rejects.toMatchObject({ code: 'unsupported' })
    expect(origin.requests).toEqual([])
  })

  it('are there while somebody answers, whatever he says', async () => {
    const { storage, origin } = await open()
    for (const status of [404, 403, 500]) {
      origin.behave(() => ({ status }))
      await storage.ping(never)
    }
    origin.behave(() => ({ status: 502 }))
    await expect(storage.ping(never)).rejects.toMatchObject(unavailable)
    origin.behave(() => 'sever')
    await expect(storage.ping(never)).rejects.toMatchObject(unavailable)
  })

  it('are unavailable when the origin is silent', async () => {
    const { storage, origin } = await open({ timeoutMs: 300 })
    origin.behave(() => 'hold')
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject(unavailable)
  })

  it('stop waiting when the signal is aborted', async () => {
    const { storage, origin } = await open()
    const controller = new AbortController()
    const reason = new Error('nobody waits')
    origin.behave(() => 'hold')
    const getting = storage.get(cat, { signal: controller.signal })
    await untilEqual('held requests', async () => origin.held.length, 1)
    controller.abort(reason)
    await expect(getting).rejects.toBe(reason)
    await untilEqual('held requests', async () => origin.held.length, 0)
  })

  it('stop waiting for a connection when the signal is aborted', async () => {
    const { storage, origin, bytes } = await open({ maxSockets: 1 })
    const controller = new AbortController()
    const reason = new Error('nobody waits')
    origin.behave(() => 'hold')
    const first = bytes()
    await untilEqual('held requests', async () => origin.held.length, 1)
    const second = storage.get(cat, { signal: controller.signal })
    controller.abort(reason)
    await expect(second).rejects.toBe(reason)
    origin.release()
    expect(await first).toHaveLength(pixels.length)
    expect(origin.requests).toHaveLength(1)
    expect(await bytes()).toHaveLength(pixels.length)
  })
})
