import { randomUUID } from 'node:crypto'
import { mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { testStorage } from '@mortise/storage/conformance'
import { createSftpStorage, type SftpStorageOptions } from '@mortise/storage/sftp'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type SftpServer, startSftp } from './servers/sftp.ts'
import { until, untilEqual } from './until.ts'

let server: SftpServer
beforeAll(async () => {
  server = await startSftp()
}, 300_000)
afterAll(() => server?.[Symbol.asyncDispose]())

describe('openssh', () => {
  testStorage(
    'sftp',
    async () => {
      const folder = join(server.folder, randomUUID().slice(0, 8))
      await mkdir(folder)
      const storage = createSftpStorage({ ...server.storage, sftpBasePath: folder })
      return {
        storage,
        leftovers: async () => (await readdir(folder, { recursive: true })).filter(name => name.includes('\\')),
        [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
      }
    },
    // Nothing is kept beside the bytes, and the tag is made of size and second.
    { metadata: true, md5: true, strongTags: true, repeatedSlashes: true, longSegments: true },
  )
})

const never = new AbortController().signal
const cat = { bucket: 'photos', key: '/trip/cat.jpg' }
const pixels = Buffer.alloc(700_000, 'pixels')
const unavailable = { code: 'storage_unavailable' }
const invalidConfig = expect.objectContaining({ code: 'invalid_config' })

/** A storage with one object in a folder of its own. */
async function open({ on = server, ...options }: Partial<SftpStorageOptions> & { on?: SftpServer } = {}) {
  const folder = join(on.folder, randomUUID().slice(0, 8))
  await mkdir(join(folder, 'photos/trip'), { recursive: true })
  await writeFile(join(folder, 'photos/trip/cat.jpg'), pixels)
  const storage = createSftpStorage({ ...on.storage, sftpBasePath: folder, timeoutMs: 5_000, ...options })
  onTestFinished(async () => {
    on.behave('open')
    on.beforeAnswer(() => {})
    await storage[Symbol.asyncDispose]()
  })
  const put = (text: string, key = cat.key) =>
    storage.put({ ...cat, key }, { body: Buffer.from(text), size: text.length }, never)
  const read = async () => (await storage.get(cat, { signal: never }))!.bytes(pixels.length)
  const names = async () => (await readdir(folder, { recursive: true })).sort()
  return { folder, storage, put, read, names }
}

const noFiles = () => untilEqual('open files', server.openFiles, [])
const noConnections = () => untilEqual('connections', () => server.connections, 0)

describe('sftp logins', () => {
  it('go to the host with the given key only', async () => {
    const known = (await open({ sftpHostPublicKey: `${server.storage.sftpHostPublicKey} root@files` })).storage
    await known.ping(never)
    for (const type of ['ed25519', 'ecdsa'] as const) {
      const { public: other } = ssh2.utils.generateKeyPairSync(type as 'ecdsa', { bits: 256 })
      const { storage } = await open({ sftpHostPublicKey: other })
      await expect(storage.ping(never)).rejects.toMatchObject(unavailable)
    }
    const trusting = (await open({ sftpHostPublicKey: '' })).storage
    await trusting.ping(never)
  })

  it('need a key that the server knows, and leave no connection without', async () => {
    const { storage } = await open({ sftpPrivateKey: ssh2.utils.generateKeyPairSync('ed25519').private })
    await expect(storage.ping(never)).rejects.toMatchObject(unavailable)
    await noConnections()
  })

  it('try a key that is locked with a passphrase, then the password', async () => {
    const locked = ssh2.utils.generateKeyPairSync('ed25519', { passphrase: 'secret', cipher: 'aes256-cbc', rounds: 16 })
    const tried: string[] = []
    const host = new ssh2.Server({ hostKeys: [ssh2.utils.generateKeyPairSync('ed25519').private] }, client => {
      client
        .on('error', () => {})
        .on('authentication', context => {
          tried.push(context.method)
          if (context.method === 'password' && context.password === 'pass' && context.username === 'me')
            context.accept()
          else context.reject(['publickey', 'password'])
        })
      client.on('session', accept => {
        accept().on('sftp', open => {
          const sftp = open()
          const folder = { mode: 0o40755, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 }
          sftp.on('STAT', id => sftp.attrs(id, folder))
        })
      })
    })
    await new Promise<void>(resolve => host.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void host.close())
    const login = { sftpHost: '127.0.0.1', sftpPort: String((host.address() as AddressInfo).port), sftpUsername: 'me' }
    const key = { sftpPrivateKey: locked.private, sftpPrivateKeypassphrase: 'secret' }
    await using storage = createSftpStorage({ ...login, ...key, sftpPassword: 'pass' })
    await storage.ping(never)
    expect(tried).toEqual(['publickey', 'password'])
    await using stranger = createSftpStorage({ ...login, sftpPassword: 'other' })
    await expect(stranger.ping(never)).rejects.toMatchObject(unavailable)
  })

  it.each<Partial<SftpStorageOptions>>([
    { sftpHost: '' },
    { sftpPort: 'ssh' },
    { sftpPort: '70000' },
    { sftpUsername: '' },
    { sftpPrivateKey: '' },
    { sftpPrivateKey: 'no key' },
    { sftpHostPublicKey: 'ssh-ed25519 AAAA' },
    { sftpHostPublicKey: 'SHA256:abc' },
    { pathPrefix: '../up' },
  ])('cannot be made with %o', options => {
    expect(() => createSftpStorage({ ...server.storage, ...options })).toThrow(invalidConfig)
  })
})

describe('sftp connections', () => {
  it('are one for everything, and end with the storage', async () => {
    const { storage, read } = await open()
    const before = server.accepted
    await Promise.all([read(), read(), storage.head(cat, never), storage.ping(never)])
    expect(server.accepted - before).toBe(1)
    await storage[Symbol.asyncDispose]()
    await noConnections()
    await expect(storage.ping(never)).rejects.toMatchObject(unavailable)
  })

  it('are made again after they broke, without an error when nothing was under way', async () => {
    const { storage, read, put } = await open()
    await storage.ping(never)
    server.sever()
    expect(await read()).toHaveLength(pixels.length)
    server.sever()
    await noConnections()
    const body = Readable.from(['streamed'])
    await storage.put({ ...cat, key: '/b.txt' }, { body, size: 8 }, never)
    await put('again', '/c.txt')
  })

  it('that break end what goes through them, and what is opened next is whole', async () => {
    const { storage, read } = await open()
    const found = await storage.get(cat, { signal: never })
    const reading = found!.bytes(pixels.length)
    server.sever()
    await expect(reading).rejects.toMatchObject(unavailable)
    expect(await read()).toHaveLength(pixels.length)
  })

  it('are tried again after a pause when the server was away', async () => {
    const { storage } = await open()
    server.behave('closed')
    const said = () => storage.ping(never).catch((error: Error) => error.message)
    await until('a long pause', async () => /failed a moment ago/.test(String(await said())))
    server.behave('open')
    await until('the server is back', async () => {
      await storage.ping(never)
      return true
    })
  })

  it('are given up when the server is silent, in a login and later', async () => {
    const { storage } = await open({ timeoutMs: 1_000 })
    await storage.ping(never)
    server.behave('silent')
    await expect(storage.head(cat, never)).rejects.toThrow('silent')
    await noConnections()
    const other = await open({ timeoutMs: 1_000 })
    await expect(other.storage.ping(never)).rejects.toThrow('no connection within')
    await noConnections()
  })

  it('hold no call that is aborted while the server is silent', async () => {
    const { storage } = await open({ timeoutMs: 30_000 })
    const found = await storage.get(cat, { signal: never })
    server.behave('silent')
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const { signal } = controller
    const body = Buffer.from('text')
    const calls = [
      storage.get(cat, { signal }),
      storage.head(cat, signal),
      storage.delete(cat, signal),
      storage.put(cat, { body, size: 4 }, signal),
    ]
    controller.abort(reason)
    for (const call of calls) await expect(call).rejects.toBe(reason)
    await found![Symbol.asyncDispose]()
  })
})

describe('sftp files', () => {
  it('that are open have a number, and everybody gets his turn', async () => {
    const { storage, read, put } = await open({ maxOpen: 1, timeoutMs: 1_000 })
    const first = await storage.get(cat, { signal: never })
    await expect(read()).rejects.toMatchObject(unavailable)
    await first![Symbol.asyncDispose]()
    expect(await storage.get({ ...cat, key: '/absent' }, { signal: never })).toBeNull()
    await expect(storage.get(cat, { range: { start: 1e9 }, signal: never })).rejects.toMatchObject({
      code: 'range_not_satisfiable',
    })
    await put('text', '/b.txt')
    expect(await Promise.all([read(), read(), read()])).toHaveLength(3)
    await noFiles()
  })

  it('are closed whatever becomes of an object', async () => {
    const { storage } = await open()
    const get = (signal = never) => storage.get(cat, { signal })
    const controller = new AbortController()
    await (await get())![Symbol.asyncDispose]()
    await expect((await get())!.bytes(10)).rejects.toMatchObject({ code: 'too_large' })
    ;(await get())!.stream().destroy()
    await (await get())!.bytes(pixels.length)
    await get(controller.signal)
    controller.abort()
    await noFiles()
  })

  it.each(['get', 'put', 'put of a stream'])(
    'are closed and the object is whole wherever a %s is aborted',
    async what => {
      const { storage, read, names } = await open()
      await storage.ping(never)
      const before = await names()
      const reason = new Error('enough')
      const ends: unknown[] = []
      for (let at = 1; at <= 12; at += 1) {
        const controller = new AbortController()
        let answers = 0
        server.beforeAnswer(() => ++answers === at && controller.abort(reason))
        const next = Buffer.alloc(pixels.length, 'colour')
        const body = what === 'put' ? next : Readable.from([next])
        const { signal } = controller
        const work = async () => {
          if (what !== 'get') return storage.put(cat, { body, size: next.length }, signal)
          return (await storage.get(cat, { signal }))!.bytes(pixels.length)
        }
        ends.push(await work().catch(error => error))
        server.beforeAnswer(() => {})
        await noFiles()
        expect(await names()).toEqual(before)
        const bytes = Buffer.from(await read())
        expect(bytes.equals(next) || bytes.equals(pixels)).toBe(true)
      }
      expect(ends.slice(0, 3)).toEqual([reason, reason, reason])
    },
  )

  it.each(['get', 'put of a stream'])('are closed and the object is whole wherever a %s is cut off', async what => {
    const { storage, read } = await open()
    for (let at = 1; at <= 6; at += 1) {
      await until('a connection', async () => (await storage.head(cat, never)) !== null)
      let answers = 0
      server.beforeAnswer(() => ++answers === at && server.sever())
      const next = Buffer.alloc(pixels.length, 'colour')
      const work = async () => {
        if (what !== 'get') return storage.put(cat, { body: Readable.from([next]), size: next.length }, never)
        return (await storage.get(cat, { signal: never }))!.bytes(pixels.length)
      }
      await work().catch(error => expect(error).toMatchObject(unavailable))
      server.beforeAnswer(() => {})
      await noFiles()
      await until('a connection', async () => (await storage.head(cat, never)) !== null)
      const bytes = Buffer.from(await read())
      expect(bytes.equals(next) || bytes.equals(pixels)).toBe(true)
    }
  })

  it('that change while they are read are not handed out', async () => {
    const { storage, folder } = await open()
    const found = await storage.get(cat, { signal: never })
    await writeFile(join(folder, 'photos/trip/cat.jpg'), 'short')
    await expect(found!.bytes(pixels.length)).rejects.toMatchObject(unavailable)
  })

  it('have the tag of their size and second, which is weak', async () => {
    const { storage, folder } = await open()
    await utimes(join(folder, 'photos/trip/cat.jpg'), 1_700_000_000, 1_700_000_000)
    expect(await storage.head(cat, never)).toMatchObject({
      size: pixels.length,
      weak: true,
      lastModified: new Date(1_700_000_000_000),
      contentType: 'image/jpeg',
    })
  })

  it('are found through links, and folders are no objects', async () => {
    const { storage, folder, put, read } = await open()
    await symlink('cat.jpg', join(folder, 'photos/trip/link.jpg'))
    expect((await storage.head({ ...cat, key: '/trip/link.jpg' }, never))?.size).toBe(pixels.length)
    await expect(put('text', '/trip')).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(put('text', '/trip/cat.jpg/below')).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(put('text', `/${'x'.repeat(256)}`)).rejects.toMatchObject({ code: 'invalid_request' })
    await storage.delete({ ...cat, key: '/trip' }, never)
    await storage.delete({ ...cat, key: '/trip/' }, never)
    expect(await read()).toHaveLength(pixels.length)
  })

  it('are not written beside a base that is not there', async () => {
    const { storage, put } = await open({ sftpBasePath: join(server.folder, 'absent') })
    await expect(put('text')).rejects.toMatchObject(unavailable)
    await expect(storage.ping(never)).rejects.toMatchObject(unavailable)
    expect(await storage.head(cat, never)).toBeNull()
  })
})

describe('an sftp server without extensions', () => {
  it('takes new objects, and replaces none, because it could not in one step', async () => {
    await using plain = await startSftp({ refused: ['posix-rename', 'fsync', 'limits'] })
    const { put, read, names } = await open({ on: plain })
    await put('text', '/new.txt')
    await expect(put('text')).rejects.toMatchObject({ code: 'unsupported' })
    expect(await read()).toHaveLength(pixels.length)
    expect(await names()).toEqual(['photos', 'photos/new.txt', 'photos/trip', 'photos/trip/cat.jpg'])
  })
})
