import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import type { Lacks, Open } from './conformance.ts'
import type { NewObject, Storage } from './storage.ts'

const cat = { bucket: 'photos', key: '/trip/cat.jpg' }
const never = new AbortController().signal
const failed = { code: 'precondition_failed' }

const put = (storage: Storage, text: string, object: Partial<NewObject> = {}) =>
  storage.put(cat, { body: Buffer.from(text), size: Buffer.byteLength(text), ...object }, never)

async function read(storage: Storage): Promise<string | null> {
  const found = await storage.get(cat, { signal: never })
  return found && Buffer.from(await found.bytes(1000)).toString()
}

/** What becomes of an object only when it is there, or not, or has a tag. */
export function testConditions(open: Open, lacks: Lacks): void {
  it('that there is no object makes one, and replaces none', async () => {
    const { storage, leftovers } = await open()
    await put(storage, 'first', { ifAbsent: true })
    const body = Readable.from([Buffer.from('second')])
    await expect(put(storage, 'second', { body, ifAbsent: true })).rejects.toMatchObject(failed)
    expect(body.destroyed).toBe(true)
    expect(await read(storage)).toBe('first')
    expect((await leftovers?.()) ?? []).toEqual([])
    await storage.delete(cat, never)
    await put(storage, 'third', { ifAbsent: true })
    expect(await read(storage)).toBe('third')
  })

  it('that there is any object makes none', async () => {
    const { storage } = await open()
    await expect(put(storage, 'first', { ifMatch: '*' })).rejects.toMatchObject(failed)
    expect(await read(storage)).toBeNull()
    await put(storage, 'first')
    await put(storage, 'second', { ifMatch: '*' })
    expect(await read(storage)).toBe('second')
  })

  it.skipIf(lacks.strongTags)('that it has a tag replaces that object and no other', async () => {
    const { storage, leftovers } = await open()
    await expect(put(storage, 'first', { ifMatch: 'abc' })).rejects.toMatchObject(failed)
    const { etag } = await put(storage, 'first', { md5: true })
    await expect(put(storage, 'second', { ifMatch: `${etag}x` })).rejects.toMatchObject(failed)
    await put(storage, 'second', { ifMatch: etag })
    await expect(put(storage, 'third', { ifMatch: etag })).rejects.toMatchObject(failed)
    expect(await read(storage)).toBe('second')
    expect((await leftovers?.()) ?? []).toEqual([])
  })

  it.skipIf(lacks.conditions)('is done once of eight at the same time', async () => {
    const { storage, leftovers } = await open()
    const texts = Array.from({ length: 8 }, (_, at) => `text ${at}`)
    const winnerOf = async (condition: Partial<NewObject>) => {
      const ends = await Promise.allSettled(texts.map(text => put(storage, text, condition)))
      const reasons = ends.flatMap(end => (end.status === 'rejected' ? [end.reason.code] : []))
      expect(reasons).toEqual(Array(7).fill('precondition_failed'))
      return texts[ends.findIndex(end => end.status === 'fulfilled')]
    }
    const first = await winnerOf({ ifAbsent: true })
    expect(await read(storage)).toBe(first)
    if (!lacks.strongTags) {
      const { etag } = (await storage.head(cat, never))!
      const second = await winnerOf({ ifMatch: etag })
      expect(await read(storage)).toBe(second)
    }
    expect((await leftovers?.()) ?? []).toEqual([])
  })
}

export function testTags(open: Open): void {
  const bodies: [name: string, pieces: Buffer[]][] = [
    ['nothing', []],
    ['bytes', [Buffer.from('some bytes')]],
    ['many bytes', [Buffer.alloc(300_000, 'pixels'), Buffer.alloc(400_000, 'colours')]],
  ]
  for (const [name, pieces] of bodies) {
    it(`of ${name} is their MD5, when that is asked for`, async () => {
      const { storage } = await open()
      const body = Buffer.concat(pieces)
      const md5 = createHash('md5').update(body).digest('hex')
      const size = body.length
      for (const object of [{ body }, { body: Readable.from(pieces) }]) {
        const metadata = { note: '0'.repeat(32) }
        const made = await storage.put(cat, { ...object, size, md5: true, metadata }, never)
        expect(made.etag).toBe(md5)
        const head = await storage.head(cat, never)
        expect(head).toMatchObject({ etag: md5, size, metadata: made.metadata })
        const found = await storage.get(cat, { signal: never })
        expect(found?.info).toEqual(head)
        expect(Buffer.from(await found!.bytes(size)).equals(body)).toBe(true)
        const listed = await storage.list?.('photos', { prefix: cat.key, limit: 1, signal: never })
        if (listed) expect(listed.objects.map(({ info }) => [info.etag, info.size])).toEqual([[md5, size]])
        await storage.delete(cat, never)
      }
    })
  }
}
