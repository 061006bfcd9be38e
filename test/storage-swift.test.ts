import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { testStorage } from '@mortise/storage/conformance'
import { createOracleStorage, type OracleStorageOptions } from '@mortise/storage/oracle'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type SwiftServer, startSwift } from './servers/swift.ts'

let server: SwiftServer
beforeAll(async () => {
  server = await startSwift()
  await server.createContainer('photos')
}, 300_000)
afterAll(() => server?.[Symbol.asyncDispose]())

const open = (options: Partial<OracleStorageOptions> = {}) =>
  createOracleStorage({ ...server.storage, pathPrefix: randomUUID().slice(0, 8), ...options })

describe('openstack swift', () => {
  testStorage(
    'oracle',
    async () => {
      const storage = open()
      return { storage, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() }
    },
    // Swift looks at a condition before it takes the body.
    { conditions: true },
  )
})

const never = new AbortController().signal
const cat = { bucket: 'photos', key: '/trip/cat.jpg' }
const pixels = Buffer.alloc(300_000, 'pixels')
const unavailable = { code: 'storage_unavailable' }

async function openWithCat(options: Partial<OracleStorageOptions> = {}) {
  const storage = open(options)
  onTestFinished(() => storage[Symbol.asyncDispose]())
  await storage.put(cat, { body: pixels, size: pixels.length }, never)
  const read = async () => (await storage.get(cat, { signal: never }))!.bytes(pixels.length)
  return { storage, read }
}

describe('oracle storages', () => {
  it('renew a token that is not accepted any more', async () => {
    const { storage, read } = await openWithCat()
    await server.forgetTokens()
    expect(await Promise.all([read(), read(), read()])).toHaveLength(3)
    await server.forgetTokens()
    await storage.put(cat, { body: Buffer.from('text'), size: 4 }, never)
    expect(await read()).toHaveLength(4)
    await storage.put(cat, { body: Readable.from([pixels]), size: pixels.length }, never)
    await server.forgetTokens()
    await storage.delete(cat, never)
    expect(await storage.head(cat, never)).toBeNull()
  })

  it('set their headers over those of what is stored', async () => {
    const { storage } = await openWithCat({
      headers: { 'Cache-Control': 'max-age=1', 'X-Object-Meta-Team': 'a ü', 'x-amz-meta-Owner': 'we' },
    })
    const made = await storage.put(cat, { body: pixels, size: pixels.length, cacheControl: 'no-store' }, never)
    expect(made).toMatchObject({ cacheControl: 'max-age=1', metadata: { team: 'a ü', owner: 'we' } })
    expect(await storage.head(cat, never)).toEqual({ ...made, lastModified: expect.any(Date) })
  })

  it('give what has no extension a type, the same to everybody', async () => {
    const { storage } = await openWithCat()
    const ref = { ...cat, key: '/plain' }
    const made = await storage.put(ref, { body: pixels, size: pixels.length }, never)
    expect(made.contentType).toBe('application/octet-stream')
    expect((await storage.head(ref, never))?.contentType).toBe('application/octet-stream')
  })

  it('are not usable with a password that is wrong, or without the container', async () => {
    const stranger = open({ oraclePassword: 'wrong' })
    const homeless = open({ bucket: 'absent' })
    await expect(stranger.ping(never)).rejects.toMatchObject(unavailable)
    await expect(stranger.ping(never)).rejects.not.toThrow('wrong')
    await expect(homeless.ping(never)).rejects.toMatchObject(unavailable)
    await expect(homeless.put(cat, { body: pixels, size: pixels.length }, never)).rejects.toMatchObject(unavailable)
    expect(await homeless.get(cat, { signal: never })).toBeNull()
    await stranger[Symbol.asyncDispose]()
    await homeless[Symbol.asyncDispose]()
    await expect(homeless.ping(never)).rejects.toMatchObject(unavailable)
  })

  it('use no more connections than they may, and give them back whatever happens to an object', async () => {
    const { storage, read } = await openWithCat({ maxSockets: 1, timeoutMs: 1_000 })
    const get = (signal = never) => storage.get(cat, { signal })
    const controller = new AbortController()
    const first = await get()
    await expect(read()).rejects.toMatchObject(unavailable)
    await first![Symbol.asyncDispose]()
    await expect((await get())!.bytes(10)).rejects.toMatchObject({ code: 'too_large' })
    ;(await get())!.stream().destroy()
    await get(controller.signal)
    controller.abort()
    await expect(storage.get(cat, { range: { start: 1e9 }, signal: never })).rejects.toMatchObject({
      code: 'range_not_satisfiable',
    })
    expect(await Promise.all([read(), read(), read()])).toHaveLength(3)
  })

  it.each<Partial<OracleStorageOptions>>([
    { oracleUsername: '' },
    { oraclePassword: 'line\nbreak' },
    { oracleAuthEndpoint: 'auth.example.com' },
    { oracleAuthEndpoint: 'ftp://auth.example.com' },
    { bucket: 'a/b' },
  ])('cannot be made with %o', options => {
    expect(() => open(options)).toThrow(expect.objectContaining({ code: 'invalid_config' }))
  })
})

type Answer = (incoming: IncomingMessage, response: ServerResponse) => void

/** A server that logs everybody in, and does with the requests that follow what the test wants. */
async function startFaulty(answer: Answer, options: Partial<OracleStorageOptions> = {}) {
  const requests: string[] = []
  const faulty = createServer((incoming, response) => {
    requests.push(`${incoming.method} ${incoming.url}`)
    if (incoming.url !== '/auth') return answer(incoming, response)
    const url = `http://${incoming.headers.host}/v1/me/`
    response.writeHead(200, { 'x-storage-url': url, 'x-auth-token': `token${requests.length}` }).end()
  })
  await new Promise<void>(resolve => faulty.listen(0, '127.0.0.1', resolve))
  const oracleAuthEndpoint = `http://127.0.0.1:${(faulty.address() as AddressInfo).port}/auth`
  const login = { oracleUsername: 'me', oraclePassword: 'secret', oracleAuthEndpoint }
  const storage = createOracleStorage({ ...login, timeoutMs: 500, ...options })
  onTestFinished(async () => {
    await storage[Symbol.asyncDispose]()
    faulty.closeAllConnections()
    await new Promise(resolve => faulty.close(resolve))
  })
  return { storage, requests }
}

const object = { etag: '900150983cd24fb0d6963f7d28e17f72', 'content-length': 3 }

describe('an oracle server', () => {
  it('that fails for a moment is asked again', async () => {
    let failures = 2
    const { storage, requests } = await startFaulty((_, response) => {
      failures -= 1
      if (failures >= 0) response.writeHead(503).end()
      else response.writeHead(200, object).end('abc')
    })
    expect(Buffer.from(await (await storage.get(cat, { signal: never }))!.bytes(3)).toString()).toBe('abc')
    expect(requests).toEqual(['GET /auth', ...Array(3).fill('GET /v1/me/photos/trip/cat.jpg')])
  })

  it('that never accepts its own tokens is asked for two', async () => {
    const { storage, requests } = await startFaulty((_, response) => void response.writeHead(401).end())
    await expect(storage.head(cat, never)).rejects.toMatchObject(unavailable)
    const asked = 'HEAD /v1/me/photos/trip/cat.jpg'
    expect(requests).toEqual(['GET /auth', asked, 'GET /auth', asked])
  })

  it.each([201, 302, 400, 403, 405, 500, 507])('that answers %i has no object', async status => {
    const { storage } = await startFaulty((_, response) => void response.writeHead(status).end())
    const code = status === 400 ? 'invalid_request' : 'storage_unavailable'
    await expect(storage.get(cat, { signal: never })).rejects.toMatchObject({ code })
    await expect(storage.get(cat, { range: { start: 1 }, signal: never })).rejects.toMatchObject({ code })
    await expect(storage.head(cat, never)).rejects.toMatchObject({ code })
  })

  it.each<[string, Answer]>([
    ['cut off', (incoming, response) => response.writeHead(200, object).write('a', () => incoming.socket.destroy())],
    ['left half done', (_, response) => response.writeHead(200, object).write('a')],
  ])('whose bodies are %s has no whole object', async (_, answer) => {
    const { storage } = await startFaulty(answer)
    const found = await storage.get(cat, { signal: never })
    await expect(found!.bytes(3)).rejects.toMatchObject(unavailable)
  })

  it('that is silent is unavailable, and holds no call that is aborted', async () => {
    const { storage } = await startFaulty(() => {})
    await expect(storage.head(cat, never)).rejects.toMatchObject(unavailable)
    const body = Readable.from([pixels])
    await expect(storage.put(cat, { body, size: pixels.length }, never)).rejects.toMatchObject(unavailable)
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const patient = await startFaulty(() => controller.abort(reason), { timeoutMs: 60_000 })
    await expect(patient.storage.get(cat, { signal: controller.signal })).rejects.toBe(reason)
  })

  it('that takes no bytes while there are some is unavailable, and a slow source is not its fault', async () => {
    const { storage } = await startFaulty((incoming, response) => {
      if (incoming.url!.endsWith('/slow')) incoming.resume().on('end', () => response.writeHead(201, object).end())
    })
    const large = new Readable({ read: () => large.push(Buffer.alloc(1_000_000)) })
    await expect(storage.put(cat, { body: large, size: 1e9 }, never)).rejects.toMatchObject(unavailable)
    expect(large.destroyed).toBe(true)
    const slow = new Readable({ read() {} })
    const putting = storage.put({ ...cat, key: '/slow' }, { body: slow, size: 6 }, never)
    slow.push('abc')
    setTimeout(() => slow.push('def') && slow.push(null), 1_200)
    expect((await putting).size).toBe(6)
  })

  it('that refuses before it has all is heard', async () => {
    const { storage } = await startFaulty((_, response) => void response.writeHead(413).end())
    const large = new Readable({ read: () => large.push(Buffer.alloc(100_000)) })
    await expect(storage.put(cat, { body: large, size: 1e9 }, never)).rejects.toMatchObject({ code: 'too_large' })
    expect(large.destroyed).toBe(true)
  })
})
