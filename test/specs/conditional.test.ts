import { describe, expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { get, head, sendRaw } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({ 'photos/photo.jpg': await photo(60, 40) })

async function setUp() {
  const storages = (await site.emptyStore()).storages('photos')
  const transform = { kind: 'query' }
  const buckets = {
    kept: { storages, transform, headers: { 'Cache-Control': 'max-age=60' } },
    passing: { storages, transform, headers: { 'Cache-Control': 'no-store' } },
  }
  return { config: { buckets, server: { plugins: { webp: null } } } }
}

type Validators = { etag: string; modified: string }

const longAgo = 'Sat, 01 Jan 2000 00:00:00 GMT'

const requests: [name: string, status: number, headers: (current: Validators) => Record<string, string>][] = [
  ['the tag', 304, ({ etag }) => ({ 'if-none-match': etag })],
  ['the tag as a weak one', 304, ({ etag }) => ({ 'if-none-match': `W/${etag}` })],
  ['the tag without quotes', 304, ({ etag }) => ({ 'if-none-match': etag.replaceAll('"', '') })],
  ['a list that holds the tag', 304, ({ etag }) => ({ 'if-none-match': `"other", W/"another",${etag}` })],
  ['any tag', 304, () => ({ 'if-none-match': '*' })],
  ['another tag', 200, () => ({ 'if-none-match': '"other"' })],
  ['the time', 304, ({ modified }) => ({ 'if-modified-since': modified })],
  ['a time before', 200, () => ({ 'if-modified-since': longAgo })],
  ['what is no time', 200, () => ({ 'if-modified-since': 'yesterday' })],
  [
    'another tag beside the time',
    200,
    ({ modified }) => ({ 'if-none-match': '"other"', 'if-modified-since': modified }),
  ],
  ['the tag beside a time before', 304, ({ etag }) => ({ 'if-none-match': etag, 'if-modified-since': longAgo })],
  ['the tag demanded', 200, ({ etag }) => ({ 'if-match': etag })],
  ['any tag demanded', 200, () => ({ 'if-match': '*' })],
  ['another tag demanded', 412, () => ({ 'if-match': '"other"' })],
  ['the tag demanded as a weak one', 412, ({ etag }) => ({ 'if-match': `W/${etag}` })],
  ['unchanged since the time', 200, ({ modified }) => ({ 'if-unmodified-since': modified })],
  ['unchanged since a time before', 412, () => ({ 'if-unmodified-since': longAgo })],
  ['the tag demanded beside a time before', 200, ({ etag }) => ({ 'if-match': etag, 'if-unmodified-since': longAgo })],
  ['the tag demanded, and not wanted', 304, ({ etag }) => ({ 'if-match': etag, 'if-none-match': etag })],
]

describeModes('conditional requests', setUp, cluster => {
  describe.each([
    ['of an original in memory', '/kept/photo.jpg'],
    ['of an original in its storage', '/passing/photo.jpg'],
    ['of a derivative in memory', '/kept/photo.jpg?width=30'],
    ['of a derivative in its storage', '/passing/photo.jpg?width=30'],
  ])('%s', (_, target) => {
    it.each(requests)('with %s: %i', async (_, status, headersOf) => {
      const url = cluster().url + target
      const whole = await get(url)
      const current = { etag: whole.headers.get('etag') ?? '', modified: whole.headers.get('last-modified') ?? '' }
      const answer = await get(url, headersOf(current))
      expect(answer.status).toBe(status)
      expect(answer.headers.get('etag')).toBe(current.etag)
      expect(Buffer.from(answer.bytes).equals(status === 200 ? whole.bytes : new Uint8Array())).toBe(true)
      expect((await head(url, headersOf(current))).status).toBe(status)
    })

    it('a 304 has the fields of its 200, and neither body nor type', async () => {
      const url = cluster().url + target
      const { headers } = await get(url)
      const etag = headers.get('etag') ?? ''
      const answer = await get(url, { 'if-none-match': etag })
      for (const name of ['etag', 'last-modified', 'cache-control', 'vary', 'access-control-allow-origin']) {
        expect([name, answer.headers.get(name)]).toEqual([name, headers.get(name)])
      }
      expect(answer.headers.has('content-type')).toBe(false)
      expect((await sendRaw(cluster().url, `GET ${target}`, [`If-None-Match: ${etag}`])).body).toBe('')
    })
  })

  it('of a derivative that nobody has made yet are answered by what it will be', async () => {
    const url = `${cluster().url}/passing/photo.jpg?width=31`
    const never = await get(url, { 'if-match': '"other"' })
    const made = await get(url)
    expect([never.status, made.status]).toEqual([412, 200])
    expect(never.headers.get('etag')).toBe(made.headers.get('etag'))
  })
})
