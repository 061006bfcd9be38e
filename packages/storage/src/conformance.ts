import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { testConditions, testTags } from './conformance-conditions.ts'
import { testKeys } from './conformance-keys.ts'
import { testListing } from './conformance-listing.ts'
import type { ByteRange, NewObject, Storage } from './storage.ts'

export type StorageUnderTest = AsyncDisposable & {
  storage: Storage
  /** What a failed put may have left behind that is no object, by name. Absent: the kind has no such place. */
  leftovers?(): Promise<string[]>
}

/** What a kind, or the server behind it, is known not to do. Each skips the tests about it. */
export type Lacks = {
  /** Keeps only what the extension says. */
  metadata?: boolean
  /** It tells no `Expires`. */
  expires?: boolean
  /** Mistakes a suffix, an end at byte 0 or a range of nothing for another range. */
  exactRanges?: boolean
  /** A put that breaks off may leave pieces, and a reader may see a half-written object. */
  atomicPut?: boolean
  /** Refuses to write: `storage` comes with a put and a delete that lead past the kind to its backend. */
  writing?: boolean
  /** Trims the values of metadata. */
  spaces?: boolean
  /** Does not say when an object was made. */
  dates?: boolean
  /** Cannot tell its keys, or not in order. */
  listing?: boolean
  /** Sorts characters above U+FFFF before some of those below. */
  byteOrder?: boolean
  /** Groups keys by one letter at most. */
  delimiters?: boolean
  /** Refuses keys that repeat a slash, as whatever keeps files does, or makes something else of them. */
  repeatedSlashes?: true | 'confused'
  /** Refuses more than 255 bytes between two slashes. */
  longSegments?: boolean
  /** Cannot list keys with line feeds and the like. */
  controls?: boolean
  /** Has no MD5 for a tag. */
  md5?: boolean
  /** Has weak tags, which match nothing. */
  strongTags?: boolean
  /** Of conditional puts at the same time several may be done. */
  conditions?: boolean
}

/** The behaviour of the storage port, as tests. `create` gives an empty storage each time. */
export function testStorage(name: string, create: () => Promise<StorageUnderTest>, lacks: Lacks = {}): void {
  const open = async () => {
    const made = await create()
    onTestFinished(() => made[Symbol.asyncDispose]())
    return made
  }
  describe(name, () => {
    testReading(open, lacks)
    testRanges(open, lacks)
    describe.skipIf(lacks.writing)('that is written to', () => testWriting(open))
    describe.skipIf(lacks.writing || lacks.atomicPut)('at the same time', () => testConcurrentPuts(open))
    describe.skipIf(lacks.writing || lacks.atomicPut)('a put that fails', () => testFailedPuts(open))
    describe.skipIf(lacks.writing)('a put under a condition', () => testConditions(open, lacks))
    describe.skipIf(lacks.writing || lacks.md5)('the tag', () => testTags(open))
    describe.skipIf(lacks.writing || lacks.listing)('a listing', () => testListing(open, lacks))
    describe('a key', () => testKeys(open, lacks))
    testAborts(open, lacks)
  })
}

export type Open = () => Promise<StorageUnderTest>

const ref = (key: string) => ({ bucket: 'photos', key })
const cat = ref('/trip/cat.jpg')
const never = new AbortController().signal

/** Bytes that repeat after no power of two, so that a chunk in the wrong place shows. */
function pattern(size: number, seed = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 7 + seed) % 251))
}

const put = (storage: Storage, object: Partial<NewObject> & { body: Uint8Array }, at = cat) =>
  storage.put(at, { size: object.body.length, ...object }, never)

/** What is stored, in short; see `print`. */
async function read(storage: Storage, at = cat, range?: ByteRange): Promise<string | null> {
  const found = await storage.get(at, { ...(range ? { range } : {}), signal: never })
  return found && print(await found.bytes(Number.MAX_SAFE_INTEGER))
}

function testReading(open: Open, lacks: Lacks): void {
  it('answers ping', async () => {
    const { storage } = await open()
    await storage.ping(never)
  })

  it('finds nothing where nothing was put', async () => {
    const { storage } = await open()
    expect(await storage.get(cat, { signal: never })).toBeNull()
    expect(await storage.head(cat, never)).toBeNull()
  })

  it('finds nothing under the name of a folder, nor below an object', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(3) })
    expect(await storage.get(ref('/trip'), { signal: never })).toBeNull()
    expect(await storage.head(ref('/trip'), never)).toBeNull()
    expect(await storage.get(ref('/trip/'), { signal: never })).toBeNull()
    expect(await storage.get(ref('/trip/cat.jpg/tail'), { signal: never })).toBeNull()
  })

  it('says the same of an object in put, head and get', async () => {
    const { storage } = await open()
    const made = await put(storage, { body: pattern(1000), contentType: 'image/jpeg' })
    const head = await storage.head(cat, never)
    await using found = await storage.get(cat, { signal: never })
    expect(found?.info).toEqual(lacks.dates ? { ...head, lastModified: found?.info.lastModified } : head)
    expect(found?.range).toBeUndefined()
    expect(head).toEqual({ ...made, lastModified: head?.lastModified })
    expect(head).toMatchObject({ size: 1000, contentType: 'image/jpeg', metadata: {} })
    expect(head?.etag).toMatch(/^[^"]+$/)
    expect(head?.lastModified.getTime()).toBeGreaterThan(Date.parse('2020-01-01'))
  })

  it('guesses the content type from the key when none was given', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(3) }, ref('/a/b.webp'))
    expect((await storage.head(ref('/a/b.webp'), never))?.contentType).toBe('image/webp')
  })

  it.skipIf(lacks.metadata)('gives back everything that was said about an object', async () => {
    const { storage } = await open()
    const said = {
      contentType: 'image/svg+xml; charset=utf-8',
      cacheControl: 'max-age=60, immutable',
      contentEncoding: 'gzip',
      contentLanguage: 'de',
      contentDisposition: 'attachment; filename="a b.svg"',
      ...(lacks.expires ? {} : { expires: 'Thu, 01 Dec 2044 16:00:00 GMT' }),
      metadata: { owner: 'me', 'parent-etag': '"x/y"', note: lacks.spaces ? 'zwei  Wörter' : ' zwei  Wörter ' },
    }
    const made = await put(storage, { body: pattern(9), ...said })
    expect(made).toMatchObject(said)
    expect(await storage.head(cat, never)).toMatchObject(said)
    await using found = await storage.get(cat, { signal: never })
    expect(found?.info).toMatchObject(said)
  })

  it.skipIf(lacks.metadata)('forgets what was said about an object that was replaced', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(9), cacheControl: 'no-store', metadata: { owner: 'me' } })
    await put(storage, { body: pattern(9) })
    const head = await storage.head(cat, never)
    expect(head?.metadata).toEqual({})
    expect(head?.cacheControl).toBeUndefined()
  })

  it('streams a large body as it is, and hands out the same bytes at once', async () => {
    const { storage } = await open()
    const body = randomBytes(1024 * 1024 + 17)
    await put(storage, { body })
    const streamed = await storage.get(cat, { signal: never })
    expect(print(await buffer(streamed!.stream()))).toBe(print(body))
    expect(await read(storage)).toBe(print(body))
  })

  it('hands out bytes in a buffer that can be given away', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(5000) })
    const found = await storage.get(cat, { signal: never })
    const bytes = await found!.bytes(5000)
    expect(bytes.byteLength).toBe(bytes.buffer.byteLength)
    structuredClone(bytes, { transfer: [bytes.buffer] })
    expect(await read(storage)).toBe(print(pattern(5000)))
  })

  it('refuses to hand out more bytes than the limit', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(5000) })
    const found = await storage.get(cat, { signal: never })
    await expect(found!.bytes(4999)).rejects.toMatchObject({ code: 'too_large' })
  })

  it('keeps an object without bytes', async () => {
    const { storage } = await open()
    await put(storage, { body: new Uint8Array() })
    expect((await storage.head(cat, never))?.size).toBe(0)
    expect(await read(storage)).toBe(print(Buffer.alloc(0)))
    const found = await storage.get(cat, { signal: never })
    expect(print(await buffer(found!.stream()))).toBe(print(Buffer.alloc(0)))
  })

  it('reads an opened object once', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(10) })
    const found = await storage.get(cat, { signal: never })
    await found!.bytes(10)
    await expect((async () => found!.stream())()).rejects.toMatchObject({ code: 'internal' })
  })

  it('lets an unread object be closed, and closed again', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(500_000) })
    const found = await storage.get(cat, { signal: never })
    await found![Symbol.asyncDispose]()
    await found![Symbol.asyncDispose]()
    expect(await read(storage)).toBe(print(pattern(500_000)))
  })

  it('lets a stream be left early', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(3_000_000) })
    for (let round = 0; round < 20; round += 1) {
      const found = await storage.get(cat, { signal: never })
      const stream = found!.stream()
      await once(stream, 'readable')
      stream.destroy()
      await found![Symbol.asyncDispose]()
    }
    expect(await read(storage, cat, { start: 0, end: 3 })).toBe(print(pattern(4)))
  })
}

function testRanges(open: Open, lacks: Lacks): void {
  const body = pattern(1000)
  const rows: { name: string; range: ByteRange; start: number; end: number; subtle?: true }[] = [
    { name: 'the first byte', range: { start: 0, end: 0 }, start: 0, end: 0, subtle: true },
    { name: 'a middle', range: { start: 100, end: 299 }, start: 100, end: 299 },
    { name: 'an open end', range: { start: 990 }, start: 990, end: 999 },
    { name: 'an end behind the last byte', range: { start: 900, end: 5000 }, start: 900, end: 999 },
    { name: 'the whole', range: { start: 0 }, start: 0, end: 999 },
    { name: 'a suffix', range: { suffix: 10 }, start: 990, end: 999, subtle: true },
    { name: 'a suffix longer than the object', range: { suffix: 5000 }, start: 0, end: 999, subtle: true },
  ]
  for (const { name, range, start, end, subtle } of rows) {
    it.skipIf(lacks.exactRanges && subtle)(`reads ${name} of an object`, async () => {
      const { storage } = await open()
      await put(storage, { body })
      const found = await storage.get(cat, { range, signal: never })
      expect(found?.range).toEqual({ start, end })
      expect(found?.info.size).toBe(1000)
      expect(print(await buffer(found!.stream()))).toBe(print(body.subarray(start, end + 1)))
      expect(await read(storage, cat, range)).toBe(print(body.subarray(start, end + 1)))
    })
  }

  for (const range of [{ start: 1000 }, { start: 4000, end: 5000 }, { suffix: 0 }]) {
    const skip = lacks.exactRanges && 'suffix' in range
    it.skipIf(skip)(`cannot satisfy ${JSON.stringify(range)} of 1,000 bytes`, async () => {
      const { storage } = await open()
      await put(storage, { body })
      await expect(storage.get(cat, { range, signal: never })).rejects.toMatchObject({ code: 'range_not_satisfiable' })
    })
  }

  it.skipIf(lacks.exactRanges)('cannot satisfy any range of no bytes', async () => {
    const { storage } = await open()
    await put(storage, { body: new Uint8Array() })
    await expect(storage.get(cat, { range: { start: 0 }, signal: never })).rejects.toMatchObject({
      code: 'range_not_satisfiable',
    })
  })

  it('refuses what is no range', async () => {
    const { storage } = await open()
    for (const range of [{ start: 5, end: 4 }, { start: -1 }, { suffix: -1 }, { start: 0.5 }]) {
      await expect(storage.get(cat, { range, signal: never })).rejects.toMatchObject({ code: 'invalid_request' })
    }
  })

  it('finds no range of nothing', async () => {
    const { storage } = await open()
    expect(await storage.get(cat, { range: { start: 5 }, signal: never })).toBeNull()
  })
}

function testWriting(open: Open): void {
  it('takes a stream', async () => {
    const { storage } = await open()
    const body = Readable.from([pattern(100_000), Buffer.alloc(0), pattern(3, 9)])
    const made = await storage.put(cat, { body, size: 100_003 }, never)
    expect(made.size).toBe(100_003)
    expect(await read(storage)).toBe(print(Buffer.concat([pattern(100_000), pattern(3, 9)])))
  })

  it('gives other bytes another tag', async () => {
    const { storage } = await open()
    const first = await put(storage, { body: pattern(10, 1) })
    const second = await put(storage, { body: pattern(10, 2) })
    expect(second.etag).not.toBe(first.etag)
    expect((await storage.head(cat, never))?.etag).toBe(second.etag)
  })

  it('deletes an object, and what is not there as well', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(3) })
    await storage.delete(cat, never)
    expect(await storage.head(cat, never)).toBeNull()
    await storage.delete(cat, never)
    await storage.delete(ref('/nowhere/at/all'), never)
  })

  it('refuses to store headers that could not be sent', async () => {
    const { storage } = await open()
    const body = pattern(3)
    const invalid = { code: 'invalid_request' }
    await expect(put(storage, { body, cacheControl: 'a\r\nb: c' })).rejects.toMatchObject(invalid)
    await expect(put(storage, { body, metadata: { 'a b': 'c' } })).rejects.toMatchObject(invalid)
    await expect(put(storage, { body, metadata: { a: 'x'.repeat(20_000) } })).rejects.toMatchObject(invalid)
    expect(await storage.head(cat, never)).toBeNull()
  })
}

function testConcurrentPuts(open: Open): void {
  it('shows a reader the old object or the new one, never a mixture', async () => {
    const { storage } = await open()
    const bodies = [pattern(300_000, 1), pattern(200_000, 2)]
    const known: (string | null)[] = bodies.map(print)
    await put(storage, { body: bodies[0]! })
    let writing = true
    const writer = (async () => {
      for (let round = 1; round <= 20; round += 1) await put(storage, { body: bodies[round % 2]! })
    })().finally(() => {
      writing = false
    })
    const seen: (string | null)[] = []
    do seen.push(await read(storage))
    while (writing)
    await writer
    expect(seen.filter(one => !known.includes(one))).toEqual([])
  })

  it('takes puts of one key at the same time and keeps one of them whole', async () => {
    const { storage, leftovers } = await open()
    const bodies = Array.from({ length: 8 }, (_, seed) => pattern(50_000, seed))
    await Promise.all(bodies.map(body => put(storage, { body })))
    expect(bodies.map(print)).toContain(await read(storage))
    expect((await leftovers?.()) ?? []).toEqual([])
  })
}

function testFailedPuts(open: Open): void {
  async function* breaking() {
    yield pattern(70_000)
    throw new Error('the sender is gone')
  }
  const rows: { name: string; code: string; object: () => NewObject }[] = [
    {
      name: 'whose stream breaks off',
      code: 'cancelled',
      object: () => ({ body: Readable.from(breaking()), size: 100_000 }),
    },
    {
      name: 'whose stream is too short',
      code: 'invalid_request',
      object: () => ({ body: Readable.from([pattern(99_999)]), size: 100_000 }),
    },
    {
      name: 'whose stream is too long',
      code: 'invalid_request',
      object: () => ({ body: Readable.from([pattern(70_000), pattern(30_001)]), size: 100_000 }),
    },
    { name: 'whose bytes are too few', code: 'invalid_request', object: () => ({ body: pattern(9), size: 10 }) },
    { name: 'without a size', code: 'invalid_request', object: () => ({ body: pattern(9), size: Number.NaN }) },
  ]
  for (const { name, code, object } of rows) {
    it(`${name} leaves the old object and nothing else`, async () => {
      const { storage, leftovers } = await open()
      await put(storage, { body: pattern(10) })
      const failing = object()
      await expect(storage.put(cat, failing, never)).rejects.toMatchObject({ code })
      if (failing.body instanceof Readable) expect(failing.body.destroyed).toBe(true)
      expect(await read(storage)).toBe(print(pattern(10)))
      expect((await leftovers?.()) ?? []).toEqual([])
    })
  }

  it('on a new key leaves nothing', async () => {
    const { storage, leftovers } = await open()
    const body = Readable.from(breaking())
    await expect(storage.put(cat, { body, size: 100_000 }, never)).rejects.toMatchObject({ code: 'cancelled' })
    expect(await storage.head(cat, never)).toBeNull()
    expect((await leftovers?.()) ?? []).toEqual([])
  })

  it('because it was aborted leaves the old object and nothing else', async () => {
    const { storage, leftovers } = await open()
    await put(storage, { body: pattern(10) })
    const controller = new AbortController()
    const body = new Readable({ read() {} })
    body.push(pattern(70_000))
    const putting = storage.put(cat, { body, size: 100_000 }, controller.signal)
    await until(() => body.readableLength === 0)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(putting).rejects.toBe(reason)
    expect(body.destroyed).toBe(true)
    expect(await read(storage)).toBe(print(pattern(10)))
    expect((await leftovers?.()) ?? []).toEqual([])
  })
}

function testAborts(open: Open, lacks: Lacks): void {
  const reason = new Error('nobody waits')

  it('starts nothing when the signal has been aborted before', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(20) })
    const signal = AbortSignal.abort(reason)
    await expect(storage.get(cat, { signal })).rejects.toBe(reason)
    await expect(storage.head(cat, signal)).rejects.toBe(reason)
    if (lacks.writing) return
    await expect(storage.put(cat, { body: pattern(3), size: 3 }, signal)).rejects.toBe(reason)
    await expect(storage.delete(cat, signal)).rejects.toBe(reason)
    expect(await read(storage)).toBe(print(pattern(20)))
  })

  it('ends a read of the bytes when the signal is aborted', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(20_000) })
    const controller = new AbortController()
    const found = await storage.get(cat, { signal: controller.signal })
    controller.abort(reason)
    await expect(found!.bytes(20_000)).rejects.toBe(reason)
  })

  it('destroys a stream when the signal is aborted', async () => {
    const { storage } = await open()
    await put(storage, { body: pattern(3_000_000) })
    const controller = new AbortController()
    const found = await storage.get(cat, { signal: controller.signal })
    const stream = found!.stream()
    await once(stream, 'readable')
    const failed = once(stream, 'error')
    controller.abort(reason)
    expect(await failed).toEqual([reason])
  })
}

/** A body in short, so that a difference is a line and not a megabyte. */
function print(bytes: Uint8Array): string {
  return `${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 5_000; !condition(); await delay(5)) {
    if (Date.now() > end) throw new Error('waited 5 s in vain')
  }
}
