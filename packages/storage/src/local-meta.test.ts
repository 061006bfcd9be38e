import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { testStorage } from './conformance.ts'
import { createLocalMetaStorage } from './local-meta.ts'
import type { StoredObject } from './storage.ts'

const never = new AbortController().signal
const cat = { bucket: 'photos', key: '/trip/cat.jpg' }

const onFiles = { repeatedSlashes: true, longSegments: true } as const

testStorage(
  'local-meta',
  async () => {
    const rootPath = await makeRoot()
    return {
      storage: createLocalMetaStorage({ rootPath, sync: false }),
      leftovers: async () => (await readdir(rootPath, { recursive: true })).filter(name => name.includes('\\')),
      async [Symbol.asyncDispose]() {},
    }
  },
  onFiles,
)

testStorage(
  'local-meta with a prefix',
  async () => {
    const rootPath = await makeRoot()
    return {
      storage: createLocalMetaStorage({ rootPath, pathPrefix: '/made/' }),
      async [Symbol.asyncDispose]() {},
    }
  },
  onFiles,
)

describe('the file of a local-meta object', () => {
  it('is magic bytes, a length, a MessagePack map and the body', async () => {
    const { rootPath, storage } = await open()
    const described = { contentType: 'image/jpeg', metadata: { a: 'ü' } }
    await storage.put(cat, { body: Buffer.from('body'), size: 4, ...described }, never)
    const file = await readFile(join(rootPath, 'photos/trip/cat.jpg'))
    // fixmap of 2: str 12 -> str 10, str 12 -> str 2
    const map = `82ac${hex('content-type')}aa${hex('image/jpeg')}ac${hex('x-amz-meta-a')}a2${hex('ü')}`
    expect(file.toString('hex')).toBe(`123401${'29000000'}${map}${hex('body')}`)
  })

  it('may hold headers that only mort knows, and values that are no text', async () => {
    const { place, storage } = await open()
    // A map with two more entries: "etag" -> "x" and "odd" -> 7.
    const map = `83ac${hex('content-type')}a9${hex('image/png')}a4${hex('etag')}a1${hex('x')}a3${hex('odd')}07`
    await place('photos/trip/cat.jpg', `123401${length(map)}${map}${hex('pixels')}`)
    const found = await storage.get(cat, { signal: never })
    expect(found!.info).toMatchObject({ contentType: 'image/png', size: 6, metadata: {} })
    expect(Buffer.from(await found!.bytes(6)).toString()).toBe('pixels')
  })

  it('may begin with more headers than one read takes in', async () => {
    const { storage } = await open()
    const metadata = { long: 'x'.repeat(12_000) }
    await storage.put(cat, { body: Buffer.from('body'), size: 4, metadata }, never)
    const found = await storage.get(cat, { range: { start: 1, end: 2 }, signal: never })
    expect(found!.info.metadata).toEqual(metadata)
    expect((await buffer(found!.stream())).toString()).toBe('od')
  })

  const plain: [name: string, content: string][] = [
    ['empty', ''],
    ['shorter than the magic bytes', '1234'],
    ['nothing but the magic bytes', '123401'],
    ['shorter than a head', '12340105'],
    ['right but for the second magic byte', '1235010100000080aa'],
    ['right but for the third magic byte', '1234020100000080aa'],
    ['with a length behind its end', '123401ff00000080'],
    ['with an absurd length', '123401ffffffff80'],
    ['with an empty map text', '12340100000000aabb'],
    ['whose map is text', `12340104000000a3${hex('abc')}00`],
    ['whose map is a list', '1234010100000090'],
    ['whose map ends early', '123401020000008161'],
    ['whose map has a tail', '1234010200000080c0'],
  ]
  for (const [name, content] of plain) {
    it(`is served as it is when it is ${name}`, async () => {
      const { place, storage } = await open()
      await place('photos/trip/cat.jpg', content)
      const found = await storage.get(cat, { signal: never })
      expect(found!.info).toMatchObject({ contentType: 'image/jpeg', size: content.length / 2, metadata: {} })
      expect(Buffer.from(await found!.bytes(100)).toString('hex')).toBe(content)
    })
  }

  it('can be read, and ends as the file does, whatever follows the magic bytes', async () => {
    const { place, storage } = await open()
    const content = fc.tuple(fc.nat(40), fc.uint8Array({ maxLength: 60 }))
    await fc.assert(
      fc.asyncProperty(content, async ([claimed, rest]) => {
        const file = Buffer.concat([Buffer.from([0x12, 0x34, 1, claimed, 0, 0, 0]), rest])
        await place('photos/trip/cat.jpg', file.toString('hex'))
        const found = await storage.get(cat, { signal: never })
        const bytes = Buffer.from(await found!.bytes(100))
        expect(bytes.length).toBe(found!.info.size)
        expect(file.subarray(file.length - bytes.length)).toEqual(bytes)
      }),
      { numRuns: 200 },
    )
  })
})

describe('local-meta', () => {
  it('sets the configured headers over those of an object', async () => {
    const rootPath = await makeRoot()
    const storage = createLocalMetaStorage({ rootPath, headers: { 'Cache-Control': 'private', 'x-amz-acl': 'x' } })
    const made = await storage.put(cat, { body: Buffer.from('a'), size: 1, cacheControl: 'public' }, never)
    expect(made).toMatchObject({ cacheControl: 'private', metadata: {} })
    expect(await storage.head(cat, never)).toEqual(made)
  })

  it('finds no object in a FIFO, and does not wait for its writer', async () => {
    const { rootPath, storage, place } = await open()
    await place('photos/file', '')
    await promisify(execFile)('mkfifo', [join(rootPath, 'photos/fifo')])
    expect(await storage.get({ bucket: 'photos', key: '/fifo' }, { signal: never })).toBeNull()
  })

  it('follows a symbolic link that the operator made, and replaces it by a put', async () => {
    const { rootPath, storage, place } = await open()
    await place('elsewhere', hex('linked'))
    await mkdir(join(rootPath, 'photos/trip'), { recursive: true })
    await symlink(join(rootPath, 'elsewhere'), join(rootPath, 'photos/trip/cat.jpg'))
    const found = await storage.get(cat, { signal: never })
    expect(Buffer.from(await found!.bytes(10)).toString()).toBe('linked')
    await storage.put(cat, { body: Buffer.from('new'), size: 3 }, never)
    expect((await readFile(join(rootPath, 'elsewhere'))).toString()).toBe('linked')
  })

  it('refuses a put below an object, onto a folder, and with a name that no file can have', async () => {
    const { storage } = await open()
    const put = (key: string) => storage.put({ bucket: 'photos', key }, { body: Buffer.from('a'), size: 1 }, never)
    await put('/trip/cat.jpg')
    await expect(put('/trip/cat.jpg/tail')).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(put('/trip/cat.jpg/tail/more')).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(put('/trip')).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(put('/trip/')).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(put(`/${'x'.repeat(256)}`)).rejects.toMatchObject({ code: 'invalid_request' })
    expect((await storage.head(cat, never))?.size).toBe(1)
  })

  it('makes a folder for an empty put to a key with a trailing slash, and deletes it only when it is empty', async () => {
    const { rootPath, storage } = await open()
    const folder = { bucket: 'photos', key: '/trip/' }
    await storage.put(folder, { body: new Uint8Array(), size: 0 }, never)
    expect(await readdir(join(rootPath, 'photos'))).toEqual(['trip'])
    await storage.put(cat, { body: Buffer.from('a'), size: 1 }, never)
    await storage.delete(folder, never)
    await storage.delete({ bucket: 'photos', key: '/trip' }, never)
    expect((await storage.head(cat, never))?.size).toBe(1)
    await storage.delete(cat, never)
    await storage.delete(folder, never)
    expect(await readdir(join(rootPath, 'photos'))).toEqual([])
  })

  it('does not make its root, and cannot be used without it', async () => {
    const rootPath = join(await makeRoot(), 'absent')
    const storage = createLocalMetaStorage({ rootPath })
    const unavailable = { code: 'storage_unavailable' }
    await expect(storage.ping(never)).rejects.toMatchObject(unavailable)
    await expect(storage.put(cat, { body: Buffer.from('a'), size: 1 }, never)).rejects.toMatchObject(unavailable)
    expect(await storage.get(cat, { signal: never })).toBeNull()
  })

  for (const [change, by] of [
    ['shrinks', -1],
    ['grows', 1],
  ] as const) {
    it(`says so when a file ${change} while it is read`, async () => {
      const { rootPath, storage } = await open()
      await storage.put(cat, { body: Buffer.alloc(3_000_000), size: 3_000_000 }, never)
      const path = join(rootPath, 'photos/trip/cat.jpg')
      const [first, second] = [await get(storage), await get(storage)]
      const stream = first.stream()
      await truncate(path, (await stat(path)).size + by)
      await expect(buffer(stream)).rejects.toMatchObject({ code: 'storage_unavailable' })
      await expect(second.bytes(3_000_000)).rejects.toMatchObject({ code: 'storage_unavailable' })
    })
  }

  it.runIf(process.platform === 'linux')('holds no descriptor after 500 gets that were given up', async () => {
    const { storage } = await open()
    await storage.put(cat, { body: Buffer.alloc(600_000), size: 600_000 }, never)
    const before = await openFiles()
    const ends = [leave, abortUnread, abortStream, abortBytes, abortOpen]
    await Promise.all(Array.from({ length: 500 }, (_, at) => ends[at % ends.length]!(storage)))
    for (const end = Date.now() + 5_000; (await openFiles()) > before; await delay(10)) {
      if (Date.now() > end) throw new Error(`${await openFiles()} open files, ${before} before`)
    }
  })

  it('refuses a prefix or a bucket that climbs', () => {
    const invalid = expect.objectContaining({ code: 'invalid_config' })
    expect(() => createLocalMetaStorage({ rootPath: '/tmp', pathPrefix: 'a/../..' })).toThrow(invalid)
    expect(() => createLocalMetaStorage({ rootPath: '/tmp', bucket: '..' })).toThrow(invalid)
    expect(() => createLocalMetaStorage({ rootPath: '' })).toThrow(invalid)
  })
})

type Reader = ReturnType<typeof createLocalMetaStorage>

async function get(storage: Reader, signal = never): Promise<StoredObject> {
  return (await storage.get(cat, { signal }))!
}

async function leave(storage: Reader): Promise<void> {
  await using _ = await get(storage)
}

async function abortUnread(storage: Reader): Promise<void> {
  const controller = new AbortController()
  await get(storage, controller.signal)
  controller.abort()
}

async function abortStream(storage: Reader): Promise<void> {
  const controller = new AbortController()
  const stream = (await get(storage, controller.signal)).stream()
  const ended = buffer(stream)
  controller.abort()
  await expect(ended).rejects.toBe(controller.signal.reason)
}

async function abortBytes(storage: Reader): Promise<void> {
  const controller = new AbortController()
  const ended = (await get(storage, controller.signal)).bytes(600_000)
  controller.abort()
  await expect(ended).rejects.toBe(controller.signal.reason)
}

async function abortOpen(storage: Reader): Promise<void> {
  const controller = new AbortController()
  const opened = get(storage, controller.signal)
  controller.abort()
  await expect(opened).rejects.toBe(controller.signal.reason)
}

const openFiles = async () => (await readdir('/proc/self/fd')).length

/** A folder that goes away with the test. */
async function makeRoot(): Promise<string> {
  const rootPath = await mkdtemp(join(tmpdir(), 'mortise-storage-'))
  onTestFinished(() => rm(rootPath, { recursive: true }))
  return rootPath
}

async function open() {
  const rootPath = await makeRoot()
  const place = async (name: string, content: string) => {
    await mkdir(dirname(join(rootPath, name)), { recursive: true })
    await writeFile(join(rootPath, name), Buffer.from(content, 'hex'))
  }
  return { rootPath, place, storage: createLocalMetaStorage({ rootPath }) }
}

const hex = (text: string) => Buffer.from(text).toString('hex')

function length(map: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(map.length / 2)
  return bytes.toString('hex')
}
