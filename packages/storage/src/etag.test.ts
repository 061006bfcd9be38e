import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createLocalStorage } from './local.ts'
import { createLocalMetaStorage } from './local-meta.ts'
import { createMemoryStorage } from './memory.ts'

const never = new AbortController().signal
const cat = { bucket: 'photos', key: '/cat.jpg' }
const object = { body: Buffer.from('pixels'), size: 6 }

async function open() {
  const rootPath = await mkdtemp(join(tmpdir(), 'mortise-etag-'))
  onTestFinished(() => rm(rootPath, { recursive: true }))
  return { rootPath, storage: createLocalMetaStorage({ rootPath, sync: false }) }
}

for (const kind of ['memory', 'local-meta']) {
  it(`${kind} keeps the tag that it is given, before the MD5, and no tag that cannot be sent`, async () => {
    const storage = kind === 'memory' ? createMemoryStorage({ maxBytes: 1000 }) : (await open()).storage
    const made = await storage.put(cat, { ...object, md5: true, etag: 'abc-2' }, never)
    expect(made.etag).toBe('abc-2')
    expect((await storage.head(cat, never))?.etag).toBe('abc-2')
    for (const etag of ['', 'a"b', 'a b', 'ü', 'x'.repeat(129)]) {
      await expect(storage.put(cat, { ...object, etag }, never)).rejects.toMatchObject({ code: 'invalid_request' })
    }
  })
}

it('a client cannot choose the tag by metadata', async () => {
  const { storage } = await open()
  const metadata = { 'mortise-etag': 'forged' }
  const made = await storage.put(cat, { ...object, metadata, md5: true }, never)
  expect(made.metadata).toEqual(metadata)
  expect(made.etag).toMatch(/^[0-9a-f]{32}$/)
})

it('a file that nobody asked the MD5 of holds none, and has the tag of a file', async () => {
  const { rootPath, storage } = await open()
  const { etag } = await storage.put(cat, object, never)
  expect(etag).toContain('-')
  expect((await readFile(join(rootPath, 'photos/cat.jpg'))).includes('mortise-etag')).toBe(false)
})

it('a plain file has a tag that clients of S3 do not take for an MD5', async () => {
  const { rootPath } = await open()
  const made = await createLocalStorage({ rootPath }).put(cat, { ...object, md5: true, etag: 'abc' }, never)
  expect(made.etag).toMatch(/^[0-9a-z]+-[0-9a-z]+-[0-9a-z]+$/)
})
