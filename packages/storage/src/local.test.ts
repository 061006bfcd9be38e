import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { testStorage } from './conformance.ts'
import { createLocalStorage } from './local.ts'

const never = new AbortController().signal
const cat = { bucket: 'photos', key: '/trip/cat.jpg' }

testStorage(
  'local',
  async () => {
    const rootPath = await makeRoot()
    return {
      storage: createLocalStorage({ rootPath, sync: false }),
      leftovers: async () => (await readdir(rootPath, { recursive: true })).filter(name => name.includes('\\')),
      async [Symbol.asyncDispose]() {},
    }
  },
  { metadata: true, md5: true, repeatedSlashes: true, longSegments: true },
)

it('stores nothing but the bytes, and drops what it cannot store', async () => {
  const rootPath = await makeRoot()
  const storage = createLocalStorage({ rootPath })
  const object = { body: Buffer.from('pixels'), size: 6, contentType: 'text/plain', metadata: { a: 'b' } }
  expect(await storage.put(cat, object, never)).toMatchObject({ contentType: 'image/jpeg', metadata: {} })
  expect((await readFile(join(rootPath, 'photos/trip/cat.jpg'))).toString()).toBe('pixels')
})

it('changes nothing when it is read only', async () => {
  const rootPath = await makeRoot()
  await mkdir(join(rootPath, 'photos/trip'), { recursive: true })
  await writeFile(join(rootPath, 'photos/trip/cat.jpg'), 'pixels')
  const storage = createLocalStorage({ rootPath, readonly: true })
  const body = Readable.from([Buffer.from('a')])
  const other = { bucket: 'other', key: '/a' }
  await expect(storage.put(other, { body, size: 1 }, never)).rejects.toMatchObject({ code: 'unsupported' })
  await expect(storage.delete(cat, never)).rejects.toMatchObject({ code: 'unsupported' })
  expect(body.destroyed).toBe(true)
  await storage.ping(never)
  expect(await readdir(rootPath)).toEqual(['photos'])
  expect((await storage.head(cat, never))?.size).toBe(6)
})

it('finds nothing that begins with a dot when that is hidden', async () => {
  const rootPath = await makeRoot()
  const open = createLocalStorage({ rootPath })
  const hiding = createLocalStorage({ rootPath, hideDotFiles: true })
  for (const key of ['/.env', '/.git/config', '/trip/.cat.jpg', '/trip/c.at.jpg']) {
    await open.put({ bucket: 'photos', key }, { body: Buffer.from('x'), size: 1 }, never)
    expect(await open.head({ bucket: 'photos', key }, never)).not.toBeNull()
    const found = await hiding.head({ bucket: 'photos', key }, never)
    expect(found === null).toBe(key !== '/trip/c.at.jpg')
  }
})

/** A folder that goes away with the test. */
async function makeRoot(): Promise<string> {
  const rootPath = await mkdtemp(join(tmpdir(), 'mortise-storage-'))
  onTestFinished(() => rm(rootPath, { recursive: true }))
  return rootPath
}
