import { expect, it } from 'vitest'
import type { Lacks, Open } from './conformance.ts'
import type { Listing, ListOptions, Storage } from './storage.ts'

const never = new AbortController().signal
const ref = (key: string) => ({ bucket: 'photos', key })

/** In order. Shapes that a comparison of names, folder by folder or of 16-bit units gets wrong. */
const keys = [
  '/a-b',
  '/a.b',
  '/a/b',
  '/a/b-c/d',
  '/a/b.c',
  '/a/c',
  '/a/d/e/f',
  '/a0',
  '/b & <c> +%2F/x y+z%.jpg',
  '/b!',
  '/trip/1.jpg',
  '/trip/10.jpg',
  '/trip/2.jpg',
  '/é/ü.jpg',
  '/～',
  '/🐈/日本.jpg',
]

type Asked = Pick<ListOptions, 'prefix' | 'after' | 'delimiter'>

/** What a listing is, said in the plainest way: all that is told of these keys, in order. */
export function toldOf(stored: Iterable<string>, { prefix, after = '', delimiter }: Asked): string[] {
  const told = new Set<string>()
  for (const key of stored) {
    if (!key.startsWith(prefix)) continue
    const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1
    const text = at < 0 ? key : key.slice(0, at + delimiter!.length)
    if (Buffer.compare(Buffer.from(text), Buffer.from(after)) > 0) told.add(text)
  }
  return [...told].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
}

const textsOf = ({ objects, prefixes }: Listing) =>
  [...objects.map(({ key }) => key), ...prefixes].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

/** All pages; between two of them something may happen. */
export async function listAll(
  storage: Storage,
  asked: Asked,
  limit: number,
  between = async () => {},
): Promise<string[]> {
  const told: string[] = []
  for (let after = asked.after, pages = 0; ; pages += 1) {
    if (pages > 1000) throw new Error('a listing without an end')
    const { after: _, ...options } = asked
    const page = await storage.list!('photos', { ...options, ...(after ? { after } : {}), limit, signal: never })
    const texts = textsOf(page)
    expect(texts.length).toBeLessThanOrEqual(limit)
    told.push(...texts)
    if (page.next === null) return told
    expect(page.next).toBe(texts.at(-1) ?? page.next)
    after = page.next
    await between()
  }
}

export function testListing(open: Open, lacks: Lacks): void {
  const isKnown = (text: string) => !lacks.byteOrder || !/[\u{10000}-\u{10ffff}]/u.test(text)
  const stored = keys.filter(isKnown)
  const filled = async () => {
    const { storage } = await open()
    for (const key of stored.toReversed())
      await storage.put(ref(key), { body: Buffer.from(key), size: sizeOf(key) }, never)
    return storage
  }

  it('tells all keys in the order of their bytes, with what is known of them', async () => {
    const storage = await filled()
    const { objects, prefixes, next } = await storage.list!('photos', { prefix: '/', limit: 1000, signal: never })
    expect(objects.map(({ key }) => key)).toEqual(stored)
    expect([prefixes, next]).toEqual([[], null])
    for (const { key, info } of objects) {
      const { size, etag, lastModified } = (await storage.head(ref(key), never))!
      expect(info).toEqual({ size, etag, lastModified })
    }
  })

  const rows: [name: string, asked: Asked, told: string[]][] = [
    ['of a folder', { prefix: '/trip/' }, ['/trip/1.jpg', '/trip/10.jpg', '/trip/2.jpg']],
    ['of names that begin alike', { prefix: '/trip/1' }, ['/trip/1.jpg', '/trip/10.jpg']],
    ['of one key', { prefix: '/a/c' }, ['/a/c']],
    ['of what there is not', { prefix: '/nowhere/' }, []],
    ['below an object', { prefix: '/a/c/' }, []],
    ['behind a key', { prefix: '/', after: '/trip/10.jpg' }, keys.slice(12)],
    ['behind what is no key', { prefix: '/trip/', after: '/trip/10' }, ['/trip/10.jpg', '/trip/2.jpg']],
    ['behind a folder', { prefix: '/', after: '/trip/' }, keys.slice(10)],
    ['behind its prefix', { prefix: '/trip/', after: '/zoo' }, []],
    ['from before its prefix', { prefix: '/trip/2', after: '/a' }, ['/trip/2.jpg']],
    [
      'of folders',
      { prefix: '/', delimiter: '/' },
      ['/a-b', '/a.b', '/a/', '/a0', '/b & <c> +%2F/', '/b!', '/trip/', '/é/', '/～', '/🐈/'],
    ],
    ['of folders in a folder', { prefix: '/a/', delimiter: '/' }, ['/a/b', '/a/b-c/', '/a/b.c', '/a/c', '/a/d/']],
    ['of folders by half a name', { prefix: '/a/b', delimiter: '/' }, ['/a/b', '/a/b-c/', '/a/b.c']],
    ['of a folder without its slash', { prefix: '/trip', delimiter: '/' }, ['/trip/']],
    [
      'of folders behind a common prefix',
      { prefix: '/', delimiter: '/', after: '/a/' },
      ['/a0', '/b & <c> +%2F/', '/b!', '/trip/', '/é/', '/～', '/🐈/'],
    ],
    [
      'of folders from the middle of one',
      { prefix: '/', delimiter: '/', after: '/trip/10.jpg' },
      ['/é/', '/～', '/🐈/'],
    ],
    ['with a dot for delimiter', { prefix: '/a/', delimiter: '.' }, ['/a/b', '/a/b-c/d', '/a/b.', '/a/c', '/a/d/e/f']],
    ['with a delimiter of several letters', { prefix: '/', delimiter: 'b-c/', after: '/a' }, toldLong()],
    ['with a delimiter that no key has', { prefix: '/trip/', delimiter: '|' }, keys.slice(10, 13)],
  ]
  for (const [name, asked, told] of rows) {
    const skip = lacks.delimiters && (asked.delimiter?.length ?? 0) > 1
    it.skipIf(skip)(`${name} tells the same in one page, and in pages of any size`, async () => {
      expect(toldOf(keys, asked)).toEqual(told)
      const expected = told.filter(isKnown)
      const storage = await filled()
      for (const limit of [1000, 1, 2, 3]) expect(await listAll(storage, asked, limit)).toEqual(expected)
    })
  }

  it('tells keys and common prefixes apart', async () => {
    const storage = await filled()
    const page = await storage.list!('photos', { prefix: '/a/', delimiter: '/', limit: 3, signal: never })
    expect(page.objects.map(({ key }) => key)).toEqual(['/a/b', '/a/b.c'])
    expect([page.prefixes, page.next]).toEqual([['/a/b-c/'], '/a/b.c'])
  })

  it('goes on when what it has told is deleted meanwhile', async () => {
    const storage = await filled()
    const gone = stored.values()
    const told = await listAll(storage, { prefix: '/' }, 1, () => storage.delete(ref(gone.next().value!), never))
    expect(told).toEqual(stored)
  })

  it('is empty where nothing is', async () => {
    const { storage } = await open()
    for (const bucket of ['photos', 'other']) {
      const page = await storage.list!(bucket, { prefix: '/', limit: 10, signal: never })
      expect(page).toEqual({ objects: [], prefixes: [], next: null })
    }
  })

  for (const prefix of ['//', '/a//', '/../', '/a/./', '/a\\', '/\0', `/${'x'.repeat(300)}/`, `/${'é/'.repeat(600)}`]) {
    it(`is empty with the prefix ${JSON.stringify(prefix.slice(0, 10))}, with which no key begins`, async () => {
      const storage = await filled()
      const page = await storage.list!('photos', { prefix, limit: 10, signal: never })
      expect(page).toEqual({ objects: [], prefixes: [], next: null })
    })
  }

  it('tells what is reserved only to who asks for it', async () => {
    const { storage } = await open()
    const put = (key: string) => storage.put(ref(key), { body: Buffer.from('x'), size: 1 }, never)
    for (const key of ['/.mortise/uploads/1', '/.mortise/uploads/2', '/.mortises', '/.other']) await put(key)
    for (const limit of [1, 10]) {
      expect(await listAll(storage, { prefix: '/' }, limit)).toEqual(['/.mortises', '/.other'])
      expect(await listAll(storage, { prefix: '/', delimiter: '/' }, limit)).toEqual(['/.mortises', '/.other'])
      expect(await listAll(storage, { prefix: '/.mortise/uploads/' }, limit)).toEqual(
        [1, 2].map(n => `/.mortise/uploads/${n}`),
      )
      expect(await listAll(storage, { prefix: '/.mortise/', delimiter: '/' }, limit)).toEqual(['/.mortise/uploads/'])
    }
    expect((await storage.head(ref('/.mortise/uploads/1'), never))?.size).toBe(1)
  })

  it('tells a folder that was made and is empty, which is an object without bytes', async () => {
    const { storage } = await open()
    await storage.put(ref('/made/'), { body: new Uint8Array(), size: 0 }, never)
    await storage.put(ref('/trip/cat.jpg'), { body: Buffer.from('x'), size: 1 }, never)
    expect(await listAll(storage, { prefix: '/' }, 10)).toEqual(['/made/', '/trip/cat.jpg'])
    expect(await listAll(storage, { prefix: '/', delimiter: '/' }, 1)).toEqual(['/made/', '/trip/'])
    expect(await listAll(storage, { prefix: '/made/' }, 10)).toEqual(['/made/'])
    expect((await storage.head(ref('/made/'), never))?.size).toBe(0)
    expect((await (await storage.get(ref('/made/'), { signal: never }))!.bytes(1)).length).toBe(0)
    await storage.delete(ref('/trip/'), never)
    await storage.delete(ref('/made/'), never)
    expect(await listAll(storage, { prefix: '/' }, 10)).toEqual(['/trip/cat.jpg'])
    await storage.delete(ref('/trip/cat.jpg'), never)
    expect(await listAll(storage, { prefix: '/' }, 10)).toEqual([])
  })

  it('refuses a prefix without a slash, and pages of no or too many keys', async () => {
    const { storage } = await open()
    for (const options of [{ prefix: '', limit: 1 }, { prefix: 'a', limit: 1 }, ...[0, 1001, 1.5].map(limited)]) {
      const listing = storage.list!('photos', { ...options, signal: never })
      await expect(listing).rejects.toMatchObject({ code: 'invalid_request' })
    }
  })

  it('starts nothing when the signal has been aborted before', async () => {
    const { storage } = await open()
    const reason = new Error('nobody waits')
    const listing = storage.list!('photos', { prefix: '/', limit: 1, signal: AbortSignal.abort(reason) })
    await expect(listing).rejects.toBe(reason)
  })
}

const sizeOf = (text: string) => Buffer.byteLength(text)

const limited = (limit: number) => ({ prefix: '/', limit })

function toldLong(): string[] {
  return keys.map(key => (key === '/a/b-c/d' ? '/a/b-c/' : key))
}
