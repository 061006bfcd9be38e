import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { StoredObject } from '@mortise/storage'
import { describe, expect, it, vi } from 'vitest'
import { createMemoryCache } from './cache/memory-cache.ts'
import { createCompress, type Representation } from './compress.ts'
import { createCodings } from './http/codings.ts'
import type { Entity } from './http/entity.ts'

const text = Buffer.from('body { color: red } '.repeat(500))
const config = {
  brotli: { types: ['text/'], level: 4 },
  zstd: null,
  gzip: { types: ['text/', 'application/json'], level: 4 },
}

const inMemory = (bytes: Uint8Array = text, type = 'text/css'): Entity => ({
  fields: { 'content-type': type, etag: '"a"', vary: 'Accept-Encoding' },
  ...{ etag: '"a"', lastModified: 0, size: bytes.length },
  body: { kind: 'bytes', bytes },
})

/** An open object; `stream` is where its bytes come from. */
function stored(stream: Readable, size = text.length) {
  const dispose = vi.fn(async () => void stream.destroy())
  const object = { info: {}, stream: () => stream, [Symbol.asyncDispose]: dispose } as unknown as StoredObject
  const entity: Entity = { ...inMemory(), size, body: { kind: 'stored', object, reopen: async () => object } }
  return { entity, dispose }
}

function create() {
  const cache = createMemoryCache({ maxBytes: 1e6, maxItemBytes: 1e6, minUseCount: 0 })
  const compress = createCompress({ config, codings: createCodings(config), cache })
  const ask = (
    entity: Entity,
    accepts: string,
    { cacheKey = null as string | null, fields = {}, method = 'GET', signal = new AbortController().signal } = {},
  ) => compress({ entity, cacheKey }, { method, fields: { 'accept-encoding': accepts, ...fields }, signal })
  return { cache, ask }
}

const codingOf = ({ entity }: Representation) => entity.fields['content-encoding'] ?? null

function streamOf({ entity }: Representation): Readable {
  if (entity.body.kind !== 'encoded' || !entity.body.stream) throw new Error('not a compressed stream')
  return entity.body.stream
}

describe('a body', () => {
  it.each([
    ['br, gzip', 'text/css', 'br'],
    ['gzip', 'text/css', 'gzip'],
    ['br, gzip', 'application/json', 'gzip'],
    ['zstd', 'text/css', null],
    ['br', 'application/json', null],
    ['br, gzip', 'image/png', null],
    ['', 'text/css', null],
  ])('for %j of the type %s goes out as %s', async (accepts, type, coding) => {
    const { ask } = create()
    expect(codingOf(await ask(inMemory(text, type), accepts))).toBe(coding)
  })

  it('from a storage is compressed while it is read', async () => {
    const { ask } = create()
    const { entity } = stored(Readable.from([text.subarray(0, 3000), text.subarray(3000)]))
    const representation = await ask(entity, 'br')
    expect(representation.entity.etag).toBe('"a-br"')
    expect(representation.entity.fields).toMatchObject({ etag: '"a-br"', vary: 'Accept-Encoding' })
    expect(brotliDecompressSync(await buffer(streamOf(representation))).equals(text)).toBe(true)
  })

  it('that is not wanted is let go without a byte read', async () => {
    const { ask } = create()
    for (const options of [
      { method: 'HEAD' },
      { fields: { 'if-none-match': '"a-br"' } },
      { fields: { 'if-match': '"b"' } },
    ]) {
      const { entity, dispose } = stored(new Readable({ read: () => expect.unreachable() }))
      const { entity: answer } = await ask(entity, 'br', options)
      expect(answer.body).toEqual({ kind: 'encoded', stream: null })
      expect(dispose).toHaveBeenCalledOnce()
    }
  })

  it('goes with the client who leaves', async () => {
    const { ask } = create()
    const source = new Readable({ read() {} })
    const client = new AbortController()
    const stream = streamOf(await ask(stored(source).entity, 'br', { signal: client.signal }))
    const closed = Promise.all([source, stream].map(end => new Promise(resolve => end.once('close', resolve))))
    stream.on('error', () => {})
    client.abort()
    await closed
    expect([source.destroyed, stream.destroyed]).toEqual([true, true])
  })

  it('that breaks off breaks off compressed, too', async () => {
    const { ask } = create()
    const source = new Readable({ read: () => void source.destroy(new Error('broken off')) })
    await expect(buffer(streamOf(await ask(stored(source).entity, 'br')))).rejects.toThrow('broken off')
  })
})

describe('a cached body', () => {
  it('is compressed once, and kept so for as long as it is kept itself', async () => {
    const { cache, ask } = create()
    cache.set('k', inMemory() as never, 60)
    const first = await ask(inMemory(), 'gzip', { cacheKey: 'k' })
    const second = await ask(inMemory(), 'gzip', { cacheKey: 'k' })
    expect([first.cacheKey, second.cacheKey]).toEqual(['gzip k', 'gzip k'])
    expect(second.entity.body).toEqual(first.entity.body)
    if (second.entity.body.kind !== 'bytes') expect.unreachable()
    expect(gunzipSync(second.entity.body.bytes).equals(text)).toBe(true)
    expect(second.entity.fields).toMatchObject({ 'content-encoding': 'gzip', etag: '"a-gzip"' })
    expect(cache.secondsLeft('gzip k')).toBeCloseTo(cache.secondsLeft('k'), 0)
  })

  it('is not taken for what a client gets who can have it compressed', async () => {
    const { ask } = create()
    expect((await ask(inMemory(), 'identity', { cacheKey: 'k' })).cacheKey).toBe('k')
    expect((await ask(inMemory(), 'br', { cacheKey: 'k', fields: { range: 'bytes=0-1' } })).cacheKey).toBeNull()
    expect((await ask(inMemory(), 'br', { cacheKey: 'k', fields: { 'if-none-match': '"a"' } })).cacheKey).toBeNull()
  })
})

it('compresses 16 bodies at one time; more go out as they are, until there is room again', async () => {
  const { ask } = create()
  const open = await Promise.all(
    Array.from({ length: 16 }, () => ask(stored(new Readable({ read() {} })).entity, 'br')),
  )
  expect(open.map(codingOf)).toEqual(Array(16).fill('br'))
  const beyond = await ask(inMemory(), 'br', { cacheKey: 'k' })
  expect([codingOf(beyond), beyond.cacheKey, beyond.entity.etag]).toEqual([null, null, '"a"'])

  const [first] = open
  if (!first) expect.unreachable()
  const closed = new Promise(resolve => streamOf(first).once('close', resolve))
  streamOf(first).destroy()
  await closed
  expect(codingOf(await ask(inMemory(), 'br'))).toBe('br')
  for (const representation of open) streamOf(representation).destroy()
})
