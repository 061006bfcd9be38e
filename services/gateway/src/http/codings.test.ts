import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, constants, gunzipSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Coding, codedTag, createCodings, noCodings, selectCoding } from './codings.ts'
import { createEncoder, gzipLevel, zstdLevel } from './encoders.ts'

const text = { types: ['text/'], level: 4 }
const all = createCodings({ gzip: text, brotli: text, zstd: text })
const some = createCodings({
  gzip: { types: ['text/css', 'JSON'], level: 4 },
  brotli: { types: ['css'], level: 4 },
  zstd: null,
})

describe('Accept-Encoding', () => {
  it.each<[string | undefined, Coding[]]>([
    [undefined, []],
    ['', []],
    ['gzip', ['gzip']],
    ['GZIP', ['gzip']],
    ['gzip, deflate, br, zstd', ['br', 'zstd', 'gzip']],
    // The order is ours, as it is mort's, whatever the client likes best.
    ['gzip;q=1, zstd;q=0.5, br;q=0.1', ['br', 'zstd', 'gzip']],
    ['gzip, br;q=0', ['gzip']],
    ['br;q=0.000', []],
    ['*', ['br', 'zstd', 'gzip']],
    ['br;q=0, *', ['zstd', 'gzip']],
    ['gzip, *;q=0', ['gzip']],
    ['identity', []],
    ['deflate', []],
    // A part of a name is no name.
    ['broccoli', []],
    ['xgzip', []],
    [',;;=,', []],
  ])('%j accepts %j', (field, codings) => {
    expect(all.accepted(field).codings).toEqual(codings)
  })

  it('offers nothing that is not configured', () => {
    expect(some.accepted('br, zstd, gzip').codings).toEqual(['br', 'gzip'])
    expect(noCodings.accepted('br').variant).toBe('')
  })

  it('is read without an exception, whatever it is, and a coding with q=0 is never accepted', () => {
    const name = fc.constantFrom('br', 'zstd', 'gzip', '*', 'identity')
    const part = fc.oneof(
      name,
      fc.tuple(name, fc.string()).map(pair => pair.join(';')),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(part), parts => {
        const { codings, variant } = all.accepted(parts.join(','))
        expect(variant).toBe(codings.join(' '))
        expect(all.accepted(['br;q=0', ...parts.filter(other => !/br/i.test(other))].join(',')).codings).not.toContain(
          'br',
        )
      }),
    )
  })
})

describe('codings of a representation', () => {
  it.each<[Record<string, string>, number, Coding[]]>([
    [{ 'content-type': 'text/css' }, 1000, ['br', 'gzip']],
    [{ 'content-type': 'text/css' }, 999, []],
    [{ 'content-type': 'text/css; charset=utf-8' }, 5000, ['br', 'gzip']],
    [{ 'content-type': 'TEXT/CSS' }, 5000, ['br', 'gzip']],
    [{ 'content-type': 'application/json' }, 5000, ['gzip']],
    [{ 'content-type': 'image/jpeg' }, 5000, []],
    [{ 'content-type': 'text/css', 'content-encoding': 'gzip' }, 5000, []],
    [{}, 5000, []],
  ])('%j of %d bytes: %j', (fields, size, codings) => {
    expect(some.offered(fields, size)).toEqual(codings)
  })
})

describe('which representation a request is about', () => {
  const usable: Coding[] = ['br', 'gzip']
  it.each<[Record<string, string>, Coding | null]>([
    [{}, 'br'],
    [{ range: 'bytes=0-1' }, null],
    [{ range: 'bytes=0-1', 'if-range': '"a-br"' }, null],
    [{ 'if-none-match': '"a-br"' }, 'br'],
    [{ 'if-none-match': '"a-gzip"' }, 'gzip'],
    [{ 'if-none-match': 'W/"a-gzip"' }, 'gzip'],
    [{ 'if-none-match': 'a-gzip' }, 'gzip'],
    [{ 'if-none-match': '"a"' }, null],
    [{ 'if-none-match': '"a", "a-br"' }, 'br'],
    [{ 'if-none-match': '*' }, 'br'],
    // Nobody may be told to keep what he does not read.
    [{ 'if-none-match': '"a-zstd"' }, 'br'],
    [{ 'if-none-match': '"b"' }, 'br'],
    [{ 'if-match': '"a"' }, null],
    [{ 'if-match': '"a-br"' }, 'br'],
    [{ 'if-modified-since': 'Tue, 03 Nov 2026 10:00:00 GMT' }, 'br'],
  ])('%j: %s', (fields, coding) => {
    expect(selectCoding(usable, '"a"', fields)).toBe(coding)
  })

  it('is the stored one when nothing else can be used', () => {
    expect(selectCoding([], '"a"', {})).toBeNull()
  })

  it.each([
    ['"a"', '"a-br"'],
    ['W/"a"', 'W/"a-br"'],
    ['', ''],
  ])('the tag %j becomes %j', (etag, coded) => {
    expect(codedTag(etag, 'br')).toBe(coded)
  })
})

describe('levels', () => {
  it.each([
    [-5, 3],
    [0, 3],
    [1, 1],
    [4, 1],
    [5, 3],
    [7, 3],
    [8, 11],
    [99, 11],
  ])('of zstd as in mort: %d is %d', (level, own) => {
    expect(zstdLevel(level)).toBe(own)
  })

  it.each([
    [-9, { level: 1, strategy: constants.Z_HUFFMAN_ONLY }],
    [-2, { level: 1, strategy: constants.Z_HUFFMAN_ONLY }],
    [-1, { level: -1 }],
    [0, { level: 0 }],
    [9, { level: 9 }],
    [10, { level: 9 }],
  ])('of gzip: %d is %j', (level, options) => {
    expect(gzipLevel(level)).toEqual(options)
  })

  const decode = { br: brotliDecompressSync, zstd: zstdDecompressSync, gzip: gunzipSync }
  it.each<Coding>(['br', 'zstd', 'gzip'])('of any size give %s that can be read back', async coding => {
    const sizes = fc.integer({ min: 1, max: 4 * 1024 * 1024 * 1024 })
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        sizes,
        fc.uint8Array({ minLength: 1, maxLength: 5000 }),
        async (level, size, bytes) => {
          const encoder = createEncoder(coding, level, Math.max(size, bytes.length))
          encoder.end(bytes)
          expect(decode[coding](await buffer(encoder)).equals(bytes)).toBe(true)
        },
      ),
      { numRuns: 30 },
    )
  })
})
