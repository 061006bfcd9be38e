import { randomBytes } from 'node:crypto'
import { get as httpGet, type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'
import { createLocalMetaStorage } from '@mortise/storage/local-meta'
import { describe, expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { until } from '../until.ts'
import { get } from './client.ts'
import { createSite } from './site.ts'

const css = 'body { color: red }\n'.repeat(1000)
const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">${'<rect/>'.repeat(300)}</svg>`
const site = await createSite({
  'files/main.css': css,
  'files/small.css': 'a'.repeat(999),
  'files/page.html': css,
  'files/data.json': JSON.stringify([css]),
  'files/drawing.svg': drawing,
  'files/photo.jpg': await photo(300, 200),
  // What does not become smaller takes its time to be sent.
  'files/large.css': randomBytes(10 * 1024 * 1024).toString('base64'),
})

async function setUp() {
  const { basic, transform: store } = (await site.emptyStore()).storages('files')
  const coded = createLocalMetaStorage({ rootPath: site.folder })
  const body = gzipSync(css)
  const object = { body, size: body.length, contentType: 'text/css', contentEncoding: 'gzip' }
  await coded.put({ bucket: 'coded', key: '/main.css' }, object, new AbortController().signal)
  const transform = { kind: 'query' }
  const compress = {
    // A level that there is not, as mort's files may have one.
    gzip: { types: ['text/', 'application/json'], level: 42 },
    brotli: { types: ['text/css', 'image/svg'], level: 5 },
    zstd: { types: ['text/css'] },
  }
  const buckets = {
    passing: { storages: { basic, transform: store }, transform },
    kept: { storages: { basic, transform: store }, transform, headers: { 'Cache-Control': 'max-age=600' } },
    coded: { storages: { basic: { kind: 'local-meta', rootPath: site.folder } } },
  }
  return { config: { server: { plugins: { compress, webp: null } }, buckets } }
}

/** As it comes from the wire: `fetch` would undo the coding. */
async function ask(url: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { method, headers, agent: false }, resolve).once('error', reject).end()
  })
  const bytes = await buffer(response)
  const { etag, vary, 'content-encoding': coding } = response.headers
  const decoded = coding === undefined || bytes.length === 0 ? bytes : decoders[coding]?.(bytes)
  return { status: response.statusCode, headers: response.headers, etag, vary, coding, bytes, text: String(decoded) }
}

const decoders: Record<string, (bytes: Buffer) => Buffer> = {
  br: brotliDecompressSync,
  gzip: gunzipSync,
  zstd: zstdDecompressSync,
}

describeModes('compression', setUp, cluster => {
  const at = (target: string) => cluster().url + target

  describe.each(['passing', 'kept'])('of what is %s', bucket => {
    const main = (headers: Record<string, string> = {}, method = 'GET') =>
      ask(at(`/${bucket}/main.css`), headers, method)

    it.each([
      ['gzip', 'gzip'],
      ['gzip, deflate, br', 'br'],
      ['zstd, gzip', 'zstd'],
      ['gzip;q=1, br;q=0.1', 'br'],
      ['br;q=0, gzip', 'gzip'],
      ['*', 'br'],
      ['br;q=0, *', 'zstd'],
      ['deflate', undefined],
      ['identity', undefined],
      ['gzip;q=0', undefined],
    ])('Accept-Encoding: %s gets %s, the second time too', async (accepts, coding) => {
      for (const _ of [1, 2]) {
        const answer = await main({ 'accept-encoding': accepts })
        expect([answer.status, answer.coding, answer.vary]).toEqual([200, coding, 'Accept-Encoding'])
        expect(answer.text).toBe(css)
        if (coding) expect(answer.bytes.length).toBeLessThan(1000)
      }
    })

    it('has a tag for each coding, by which it is known again', async () => {
      const whole = await main()
      const coded = await main({ 'accept-encoding': 'br' })
      expect(coded.etag).toBe(whole.etag?.replace(/"$/, '-br"'))
      const answers = [
        await main({ 'accept-encoding': 'br', 'if-none-match': coded.etag ?? '' }),
        await main({ 'accept-encoding': 'br', 'if-none-match': coded.etag?.replaceAll('"', '') ?? '' }),
        await main({ 'accept-encoding': 'br', 'if-none-match': whole.etag ?? '' }),
        await main({ 'if-none-match': whole.etag ?? '' }),
        await main({ 'accept-encoding': 'br', 'if-modified-since': coded.headers['last-modified'] ?? '' }),
        // Of no use to a client that cannot read it.
        await main({ 'accept-encoding': 'gzip', 'if-none-match': coded.etag ?? '' }),
        await main({ 'accept-encoding': 'br', 'if-match': coded.etag ?? '' }),
        await main({ 'accept-encoding': 'br', 'if-match': '"other"' }),
      ]
      expect(answers.map(({ status, coding }) => [status, coding])).toEqual([
        ...Array(5).fill([304, undefined]),
        [200, 'gzip'],
        [200, 'br'],
        [412, undefined],
      ])
      const tags = [coded.etag, coded.etag, whole.etag, whole.etag, coded.etag]
      expect(answers.slice(0, 5).map(({ etag }) => etag)).toEqual(tags)
      expect(answers.map(({ vary }) => vary)).toEqual(Array(8).fill('Accept-Encoding'))
    })

    it('leaves ranges to what is stored', async () => {
      const coded = await main({ 'accept-encoding': 'br' })
      const whole = await main()
      const part = await main({ 'accept-encoding': 'br', range: 'bytes=0-99' })
      expect([part.status, part.coding, part.etag, part.vary]).toEqual([206, undefined, whole.etag, 'Accept-Encoding'])
      expect(part.text).toBe(css.slice(0, 100))
      // The rest of something compressed cannot be had.
      const rest = await main({ 'accept-encoding': 'br', range: 'bytes=50-', 'if-range': coded.etag ?? '' })
      expect([rest.status, rest.coding, rest.text === css]).toEqual([200, undefined, true])
    })

    it('shows its fields to HEAD', async () => {
      const { headers, etag } = await main({ 'accept-encoding': 'br' })
      const answer = await main({ 'accept-encoding': 'br' }, 'HEAD')
      expect([answer.status, answer.coding, answer.etag, answer.bytes.length]).toEqual([200, 'br', etag, 0])
      expect(answer.headers['content-type']).toBe(headers['content-type'])
      // Before it has been compressed nobody knows how long it will be.
      expect(answer.headers['content-length']).toBe(bucket === 'kept' ? headers['content-length'] : undefined)
    })

    it.each([
      ['an image', 'photo.jpg'],
      ['a derivative', 'photo.jpg?width=200'],
      ['less than 1,000 bytes', 'small.css'],
      ['what is not there', 'absent.css'],
    ])('is not of %s', async (_, name) => {
      const { coding, vary } = await ask(at(`/${bucket}/${name}`), { 'accept-encoding': 'br, gzip' })
      expect([coding, /encoding/i.test(vary ?? '')]).toEqual([undefined, false])
    })

    it.each([
      ['page.html', 'br, gzip', 'gzip'],
      ['data.json', 'br, gzip', 'gzip'],
      ['data.json', 'br', undefined],
      ['drawing.svg', 'br, gzip', 'br'],
      ['drawing.svg', 'gzip', undefined],
    ])('of %s for %s is %s: each coding has its types', async (name, accepts, coding) => {
      const answer = await ask(at(`/${bucket}/${name}`), { 'accept-encoding': accepts })
      expect([answer.status, answer.coding, answer.vary]).toEqual([200, coding, 'Accept-Encoding'])
    })
  })

  it('in memory is kept beside what it was made from, apart for each coding', async () => {
    const url = at('/kept/main.css')
    for (const accepts of ['br', 'gzip', 'identity']) await ask(url, { 'accept-encoding': accepts })
    const again = []
    for (const accepts of ['br', 'gzip', 'identity']) again.push(await ask(url, { 'accept-encoding': accepts }))
    expect(again.map(({ coding }) => coding)).toEqual(['br', 'gzip', undefined])
    expect(again.map(({ headers }) => headers['x-mort-cache'])).toEqual(['hit', 'hit', 'hit'])
    expect(again.map(({ text }) => text === css)).toEqual([true, true, true])
    expect(again.map(({ headers, bytes }) => Number(headers['content-length']) - bytes.length)).toEqual([0, 0, 0])
  })

  it('is not done twice', async () => {
    const { coding, text, etag } = await ask(at('/coded/main.css'), { 'accept-encoding': 'br, gzip' })
    expect([coding, text === css, etag?.includes('-br')]).toEqual(['gzip', true, false])
  })

  it('stands beside the negotiation of formats in Vary', async () => {
    const answer = await get(at('/passing/photo.jpg?width=200'), { accept: 'image/webp', 'accept-encoding': 'br' })
    expect([answer.headers.get('vary'), answer.headers.get('content-encoding')]).toEqual(['Accept', null])
  })

  it('ends with clients that leave, and is there for others', async () => {
    const url = at('/passing/large.css')
    const headers = { 'accept-encoding': 'gzip' }
    const open = () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        httpGet(url, { agent: false, headers }, resolve).once('error', reject)
      })
    // As many as are compressed at one time do not read on; whoever comes now gets it as it is.
    const readers = await Promise.all(Array.from({ length: 16 }, open))
    expect(readers.map(({ headers }) => headers['content-encoding'])).toEqual(Array(16).fill('gzip'))
    expect((await ask(at('/passing/main.css'), headers)).coding).toBeUndefined()
    for (const reader of readers) reader.destroy()
    await until('room for another one', async () => (await ask(at('/passing/main.css'), headers)).coding === 'gzip')
    expect((await ask(url, headers)).text.length).toBeGreaterThan(13_000_000)
  })
})
