import { expect, it } from 'vitest'
import type { Lacks, Open } from './conformance.ts'
import { listAll } from './conformance-listing.ts'
import type { Storage } from './storage.ts'

const never = new AbortController().signal
const ref = (key: string) => ({ bucket: 'photos', key })
const invalid = { code: 'invalid_request' }

/** Each object holds its own key, so that one that is found under another key shows. */
const put = (storage: Storage, key: string, at = ref(key)) =>
  storage.put(at, { body: Buffer.from(key), size: Buffer.byteLength(key) }, never)

async function read(storage: Storage, key: string): Promise<string | null> {
  const found = await storage.get(ref(key), { signal: never })
  return found && Buffer.from(await found.bytes(2000)).toString()
}

/** Which keys there are, and that each is one of its own. */
export function testKeys(open: Open, lacks: Lacks): void {
  for (const [name, keys] of families(lacks)) {
    it(`${name} is that of one object and no other`, async () => {
      const { storage } = await open()
      for (const key of keys) await put(storage, key)
      expect(await Promise.all(keys.map(key => read(storage, key)))).toEqual(keys)
      const sizes = await Promise.all(keys.map(async key => (await storage.head(ref(key), never))?.size))
      expect(sizes).toEqual(keys.map(key => Buffer.byteLength(key)))
      if (!lacks.listing && storage.list) {
        const sorted = keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
        for (const limit of [1000, 1]) expect(await listAll(storage, { prefix: '/' }, limit)).toEqual(sorted)
      }
      for (const gone of keys.keys()) {
        await storage.delete(ref(keys[gone]!), never)
        const left = keys.map((key, at) => (at <= gone ? null : key))
        expect(await Promise.all(keys.map(key => read(storage, key)))).toEqual(left)
      }
    })
  }

  it('of 1,000 bytes is one', async () => {
    const { storage } = await open()
    const key = `/${Array.from({ length: 5 }, (_, at) => String(at).repeat(199)).join('/')}`
    await put(storage, key)
    expect(await read(storage, key)).toBe(key)
  })

  it.skipIf(lacks.repeatedSlashes || lacks.listing)(
    'that repeats slashes shows in listings where it belongs',
    async () => {
      const { storage } = await open()
      const keys = ['//a', '//b/c', '/a//', '/a//b', '/a//b//c', '/a/b', '/ab']
      for (const key of keys) await put(storage, key)
      if (!storage.list) return
      for (const limit of [1000, 1, 2]) {
        expect(await listAll(storage, { prefix: '/' }, limit)).toEqual(keys)
        expect(await listAll(storage, { prefix: '/', delimiter: '/' }, limit)).toEqual(['//', '/a/', '/ab'])
        expect(await listAll(storage, { prefix: '//', delimiter: '/' }, limit)).toEqual(['//a', '//b/'])
        expect(await listAll(storage, { prefix: '/a/', delimiter: '/' }, limit)).toEqual(['/a//', '/a/b'])
        expect(await listAll(storage, { prefix: '/a//', delimiter: '/' }, limit)).toEqual(['/a//', '/a//b', '/a//b/'])
        expect(await listAll(storage, { prefix: '/', after: '/a//b' }, limit)).toEqual(['/a//b//c', '/a/b', '/ab'])
      }
    },
  )

  for (const [name, key] of [...hostileKeys, ...(lacks.repeatedSlashes === true ? repeating : [])]) {
    it(`${name} is refused, whatever is asked of it`, async () => {
      const { storage } = await open()
      await expect(storage.get(ref(key), { signal: never })).rejects.toMatchObject(invalid)
      await expect(storage.head(ref(key), never)).rejects.toMatchObject(invalid)
      if (lacks.writing) return
      await expect(put(storage, key)).rejects.toMatchObject(invalid)
      await expect(storage.delete(ref(key), never)).rejects.toMatchObject(invalid)
    })
  }

  it.skipIf(!lacks.longSegments || lacks.writing)(
    'with more than 255 bytes between two slashes is refused',
    async () => {
      const { storage } = await open()
      await expect(put(storage, `/a/${'é'.repeat(128)}/b`)).rejects.toMatchObject(invalid)
      await put(storage, `/a/${'é'.repeat(127)}/b`)
    },
  )

  it('in another bucket is another object', async () => {
    const { storage } = await open()
    await put(storage, '/trip/cat.jpg')
    expect(await storage.head({ bucket: 'other', key: '/trip/cat.jpg' }, never)).toBeNull()
  })
}

/** Keys that are easily taken for each other. */
function families(lacks: Lacks): [name: string, keys: string[]][] {
  const rows: [name: string, keys: string[], skip?: Lacks[keyof Lacks]][] = [
    ['with spaces and plus signs', ['/a b.jpg', '/a+b.jpg', '/a%20b.jpg', '/a%2Bb.jpg', '/ab.jpg', '/ ', '/a /b']],
    ['with percent signs', ['/a%2Fb', '/a%252Fb', '/a/b', '/%', '/%%', '/%zz', '/%c3%a4']],
    ['with accents, composed or not', ['/\u00e9.jpg', '/e\u0301.jpg', '/É.jpg', '/e.jpg']],
    ['in any script', ['/Übergröße/日本語/🐈.jpg', '/Übergröße/日本/🐈.jpg', '/עברית', '/\u200b']],
    ['with signs of markup', [`/&<>"'`, '/&amp;&lt;&gt;', `/"quotes"/it's [1] {2} (3)*.jpg`, '/]]>']],
    ['with signs of URLs', ['/#?&=;,:@!$~^`|<>.jpg', '/a?b', '/a#b', '/a?b=c', '/a;b', '/http:/a/b']],
    ['with dots', ['/~/.hidden/..two/three...', '/...', '/.a', '/a.', '/b./c']],
    ['in capitals or not', ['/a.jpg', '/A.jpg', '/a.JPG']],
    ['with control characters', ['/a\nb', '/a\tb', '/a\u0001b', '/a\u007fb', '/ab'], lacks.controls],
    ['that repeats a slash', ['/a/b', '/a//b', '//a/b', '/a///b', '/a/b//', '//', '///', '//a'], lacks.repeatedSlashes],
  ]
  const isKnown = (key: string) => !lacks.byteOrder || !/[\u{10000}-\u{10ffff}]/u.test(key)
  return rows.flatMap(([name, keys, skip]) => (skip ? [] : [[name, keys.filter(isKnown)]]))
}

const hostileKeys: [name: string, key: string][] = [
  ['that is empty', ''],
  ['of a slash', '/'],
  ['without a leading slash', 'cat.jpg'],
  ['that climbs out', '/../cat.jpg'],
  ['that climbs out and in again', '/trip/../../photos/cat.jpg'],
  ['that climbs out behind two slashes', '//../cat.jpg'],
  ['that ends by climbing', '/trip/..'],
  ['with a dot for a segment', '/./cat.jpg'],
  ['with a NUL', '/cat.jpg\0.png'],
  ['with a backslash', '/trip\\cat.jpg'],
  ['with half a character', '/cat\ud800.jpg'],
  ['of more than 1,024 bytes', `/${'ü/'.repeat(400)}`],
]

const repeating: [name: string, key: string][] = [
  ['with two slashes in the middle', '/trip//cat.jpg'],
  ['with two slashes at the beginning', '//cat.jpg'],
  ['with two slashes at the end', '/trip//'],
  ['of two slashes', '//'],
]
