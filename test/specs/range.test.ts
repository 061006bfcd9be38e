import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { type Answer, get, head } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({
  'photos/photo.jpg': await photo(300, 200),
  'photos/large.bin': randomBytes(1.5 * 1024 * 1024),
})

async function setUp() {
  const storages = (await site.emptyStore()).storages('photos')
  const transform = { kind: 'query' }
  const buckets = {
    kept: { storages, transform, headers: { 'Cache-Control': 'max-age=60' } },
    passing: { storages, transform, headers: { 'Cache-Control': 'no-store' } },
  }
  return { config: { buckets } }
}

/** `end` is the byte behind the last one, as `subarray` takes it; negative ones count from the end. */
const single: [range: string, start: number, end?: number][] = [
  ['bytes=0-99', 0, 100],
  ['bytes=7-7', 7, 8],
  ['bytes=100-', 100],
  ['bytes=0-', 0],
  ['bytes=-100', -100],
  ['bytes=-999999999', 0],
  ['bytes=500-999999999', 500],
  ['BYTES=0-99', 0, 100],
  ['bytes=0-49,50-99', 0, 100],
  ['bytes=20-99,0-40', 0, 100],
  ['bytes=0-99,999999990-999999999', 0, 100],
]

const several: [range: string, spans: [number, number?][]][] = [
  [
    'bytes=0-9,100-199',
    [
      [0, 10],
      [100, 200],
    ],
  ],
  ['bytes=100-199, 0-9, -5', [[0, 10], [100, 200], [-5]]],
]

const refused = [
  'bytes=999999990-',
  'bytes=999999990-999999999',
  'bytes=-0',
  'bytes=9-5',
  'bytes=a-b',
  'items=0-9',
  'bytes=',
]

describeModes('ranges', setUp, cluster => {
  describe.each([
    ['of a small original in memory', '/kept/photo.jpg'],
    ['of a small original in its storage', '/passing/photo.jpg'],
    ['of a large original in memory', '/kept/large.bin'],
    ['of a large original in its storage', '/passing/large.bin'],
    ['of a derivative in memory', '/kept/photo.jpg?width=200'],
    ['of a derivative in its storage', '/passing/photo.jpg?width=200'],
  ])('%s', (_, target) => {
    const at = () => cluster().url + target
    const ask = (range: string, more = {}) => get(at(), { range, ...more })
    let whole: Answer

    beforeAll(async () => {
      whole = await get(at())
    })

    it.each(single)('%s', async (range, start, end) => {
      const answer = await ask(range)
      const size = whole.bytes.length
      const expected = whole.bytes.subarray(start, end)
      const first = expected.byteOffset - whole.bytes.byteOffset
      expect(answer.status).toBe(206)
      expect(answer.headers.get('content-range')).toBe(`bytes ${first}-${first + expected.length - 1}/${size}`)
      expect(answer.headers.get('content-length')).toBe(String(expected.length))
      expect(answer.headers.get('content-type')).toBe(whole.headers.get('content-type'))
      expect(answer.headers.get('etag')).toBe(whole.headers.get('etag'))
      expect(Buffer.from(answer.bytes).equals(expected)).toBe(true)
    })

    it.each(several)('%s is one part for each', async (range, spans) => {
      const answer = await ask(range)
      expect(answer.status).toBe(206)
      expect(answer.headers.get('content-length')).toBe(String(answer.bytes.length))
      expect(partsOf(answer)).toEqual(spans.map(([start, end]) => partOf(whole, start, end)))
    })

    it.each(refused)('%s is 416', async range => {
      const answer = await ask(range)
      expect(answer.status).toBe(416)
      expect(answer.headers.get('content-range')).toBe(`bytes */${whole.bytes.length}`)
      expect(JSON.parse(answer.text)).toEqual({ message: 'error', code: 'range_not_satisfiable' })
    })

    it('holds only while If-Range names what there is', async () => {
      const etag = whole.headers.get('etag') ?? ''
      const modified = whole.headers.get('last-modified') ?? ''
      const statuses = [etag, modified, `W/${etag}`, '"other"', 'Sat, 01 Jan 2000 00:00:00 GMT'].map(
        async validator => {
          return (await ask('bytes=0-9', { 'if-range': validator })).status
        },
      )
      expect(await Promise.all(statuses)).toEqual([206, 206, 200, 200, 200])
    })

    it('gives way to a precondition', async () => {
      const etag = whole.headers.get('etag') ?? ''
      expect((await ask('bytes=0-9', { 'if-none-match': etag })).status).toBe(304)
      expect((await ask('bytes=0-9', { 'if-match': '"other"' })).status).toBe(412)
    })

    it('is nothing to HEAD', async () => {
      const answer = await head(at(), { range: 'bytes=0-9' })
      expect([answer.status, answer.headers.get('content-length')]).toEqual([200, String(whole.bytes.length)])
    })

    it('is the whole when it asks for too many parts', async () => {
      const range = `bytes=${Array.from({ length: 100 }, (_, i) => `${i * 10}-${i * 10}`).join()}`
      const answer = await ask(range)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-length')).toBe(String(answer.bytes.length))
    })
  })
})

type Part = { range: string; type: string | null; bytes: string }

function partOf({ headers, bytes }: Answer, start: number, end?: number): Part {
  const part = bytes.subarray(start, end)
  const first = part.byteOffset - bytes.byteOffset
  return {
    range: `bytes ${first}-${first + part.length - 1}/${bytes.length}`,
    type: headers.get('content-type'),
    bytes: Buffer.from(part).toString('latin1'),
  }
}

/** RFC 2046 section 5.1.1, as far as RFC 9110 section 14.6 uses it. */
function partsOf({ headers, bytes }: Answer): Part[] {
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(headers.get('content-type') ?? '')?.[1]
  const text = `\r\n${Buffer.from(bytes).toString('latin1')}`
  const [before, ...parts] = text.split(`\r\n--${boundary}`)
  if (before !== '' || parts.pop() !== '--\r\n') throw new Error('not framed as multipart')
  return parts.map(part => {
    const [top = '', ...body] = part.split('\r\n\r\n')
    const fields = new Headers(
      top
        .trim()
        .split('\r\n')
        .map(line => line.split(': ') as [string, string]),
    )
    return { range: fields.get('content-range') ?? '', type: fields.get('content-type'), bytes: body.join('\r\n\r\n') }
  })
}
