import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listAll, toldOf } from './conformance-listing.ts'
import { createLocalStorage } from './local.ts'
import { createLocalMetaStorage } from './local-meta.ts'
import { createMemoryStorage } from './memory.ts'
import { createNoopStorage } from './noop.ts'
import { listRemote, type RemoteQuestion } from './remote-listing.ts'
import { createSmallest } from './smallest.ts'
import type { Storage } from './storage.ts'
import { behindAll, compareText } from './text-order.ts'

const never = new AbortController().signal
const put = (storage: Storage, key: string, text = 'x') =>
  storage.put({ bucket: 'photos', key }, { body: Buffer.from(text), size: Buffer.byteLength(text) }, never)

const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', '0', '～', '🐈'), minLength: 1, maxLength: 3 })
const key = fc.array(name, { minLength: 1, maxLength: 4 }).map(names => `/${names.join('/')}`)
const asked = fc.record(
  {
    prefix: fc.oneof(
      fc.constant('/'),
      key,
      key.map(text => `${text}/`),
    ),
    after: fc.oneof(
      key,
      key.map(text => `${text}/`),
    ),
    delimiter: fc.constantFrom('/', 'b', 'a/', '～'),
  },
  { requiredKeys: ['prefix'] },
)

describe('any listing of any keys', () => {
  const rows: [name: string, nested: boolean, create: () => Promise<Storage>][] = [
    ['memory', true, async () => createMemoryStorage({ maxBytes: 1_000_000 })],
    ['local', false, async () => createLocalStorage({ rootPath: await makeRoot(), pathPrefix: 'p', sync: false })],
  ]
  for (const [kind, nested, create] of rows) {
    it(`of ${kind} tells what the plainest way would, in pages of any size`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(key, { maxLength: 12 }),
          asked,
          fc.integer({ min: 1, max: 5 }),
          async (all, options, limit) => {
            const isFolder = (one: string) => all.some(other => other.startsWith(`${one}/`))
            const keys = nested ? all : all.filter(one => !isFolder(one))
            const storage = await create()
            for (const one of keys) await put(storage, one)
            const told = toldOf(keys, options)
            expect(await listAll(storage, options, limit)).toEqual(told)
            expect(await listAll(storage, options, 1000)).toEqual(told)
          },
        ),
        { numRuns: 60 },
      )
    }, 30_000)
  }

  it('of a backend that does not know where to begin, and groups nothing, tells the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 12 }),
        asked,
        fc.integer({ min: 1, max: 5 }),
        async (keys, options, limit) => {
          const ask = async ({ prefix, limit: count, token = '0' }: RemoteQuestion) => {
            const found = toldOf(keys, { prefix: '/' }).filter(one => one.slice(1).startsWith(prefix))
            const end = Number(token) + count
            const info = { size: 1, etag: 'a', lastModified: new Date(0) }
            const objects = found.slice(Number(token), end).map(one => ({ key: one.slice(1), info }))
            return { objects, prefixes: [], more: end < found.length && String(end) }
          }
          const storage = {
            ...createNoopStorage(),
            list: (_: string, all: never) => listRemote('', all, ask),
          } as Storage
          expect(await listAll(storage, options, limit)).toEqual(toldOf(keys, options))
        },
      ),
    )
  })
})

describe('a listing of files', () => {
  it('shows nothing that no key can name', async () => {
    const rootPath = await makeRoot()
    const [root, outside] = [join(rootPath, 'root'), join(rootPath, 'outside')]
    const folder = join(root, 'photos')
    await mkdir(join(folder, 'trip/empty'), { recursive: true })
    await writeFile(outside, 'x')
    await writeFile(join(folder, 'cat.jpg'), 'cat')
    await writeFile(join(folder, 'trip/\\0123'), 'a put that was killed')
    await writeFile(Buffer.concat([Buffer.from(join(folder, 'latin-')), Buffer.from([0xfc])]), 'x')
    await symlink('cat.jpg', join(folder, 'link.jpg'))
    await symlink(outside, join(folder, 'outside.jpg'))
    await symlink('nowhere', join(folder, 'nowhere.jpg'))
    await symlink('.', join(folder, 'circle'))
    const storage = createLocalStorage({ rootPath: root })
    const told = ['/cat.jpg', '/link.jpg', '/trip/empty/']
    expect(await listAll(storage, { prefix: '/' }, 1)).toEqual(told)
    expect(await listAll(storage, { prefix: '/circle/' }, 10)).toEqual([])
  })

  it('hides what begins with a dot when that is hidden', async () => {
    const rootPath = await makeRoot()
    const open = createLocalMetaStorage({ rootPath, sync: false })
    for (const one of ['/.env', '/.git/config', '/a/.b', '/c.jpg']) await put(open, one)
    const hiding = createLocalMetaStorage({ rootPath, hideDotFiles: true })
    expect(await listAll(open, { prefix: '/' }, 10)).toEqual(['/.env', '/.git/config', '/a/.b', '/c.jpg'])
    expect(await listAll(hiding, { prefix: '/' }, 10)).toEqual(['/a/', '/c.jpg'])
    expect(await listAll(hiding, { prefix: '/.git/' }, 10)).toEqual([])
  })

  it('says the size of the body, not of the file', async () => {
    const storage = createLocalMetaStorage({ rootPath: await makeRoot(), sync: false })
    await put(storage, '/cat.jpg', 'pixels')
    const { objects } = await storage.list!('photos', { prefix: '/', limit: 1, signal: never })
    expect(objects[0]?.info.size).toBe(6)
  })
})

it('a delete takes away the folders that it leaves empty, and not that of the bucket', async () => {
  const rootPath = await makeRoot()
  const storage = createLocalStorage({ rootPath, pathPrefix: 'p', sync: false })
  for (const one of ['/a/b/c.jpg', '/a/d.jpg']) await put(storage, one)
  await storage.delete({ bucket: 'photos', key: '/a/b/c.jpg' }, never)
  expect(await listAll(storage, { prefix: '/' }, 10)).toEqual(['/a/d.jpg'])
  await Promise.all(
    Array.from({ length: 50 }, async (_, at) => {
      await put(storage, `/a/b/${at}.jpg`)
      await storage.delete({ bucket: 'photos', key: `/a/b/${at}.jpg` }, never)
    }),
  )
  await storage.delete({ bucket: 'photos', key: '/a/d.jpg' }, never)
  expect(await listAll(storage, { prefix: '/' }, 10)).toEqual([])
})

it('noop has nothing to list', async () => {
  expect(await listAll(createNoopStorage(), { prefix: '/' }, 10)).toEqual([])
})

it('texts are in the order of their bytes', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10fffe}') })
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(byBytes(a, b))
      expect(compareText(behindAll(a), a + b)).toBeGreaterThan(0)
    }),
  )
})

it('the smallest are what a sort of all would begin with', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 2 })), fc.integer({ min: 1, max: 9 }), (texts, count) => {
      const smallest = createSmallest<string>(count)
      for (const text of texts) smallest.add(text, text)
      expect(smallest.values()).toEqual([...new Set(texts)].sort(compareText).slice(0, count))
    }),
  )
})

async function makeRoot(): Promise<string> {
  const rootPath = await mkdtemp(join(tmpdir(), 'mortise-listing-'))
  onTestFinished(() => rm(rootPath, { recursive: true, force: true }))
  return rootPath
}
