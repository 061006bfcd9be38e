import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Part, startPart } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { type Answer, get, head } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({ 'photos/trip/cat.jpg': await photo(60, 40), 'photos/\u2605.txt': 'a star' })
const debug = { 'x-mort-debug': '1' }

async function setUp() {
  const storages = (await site.emptyStore()).storages('photos')
  const path = '^/(?P<presetName>small)/(?P<parent>.+)$'
  const presets = { small: { quality: 70, format: 'webp', filters: { thumbnail: { width: 15 }, grayscale: true } } }
  const buckets = {
    photos: { storages, transform: { kind: 'query' }, headers: { 'Cache-Control': 'max-age=600' } },
    presets: { storages, transform: { kind: 'presets', path, presets, parentBucket: 'photos' } },
    'nowhere-to-store': { storages: { basic: storages.basic }, transform: { kind: 'query' } },
  }
  return { config: { buckets } }
}

const ours = ({ headers }: Answer) => Object.fromEntries([...headers].filter(([name]) => name.startsWith('x-mort-')))

describeModes('the debug header', setUp, cluster => {
  const at = (target: string) => cluster().url + target

  it('tells which object was sent, from which storage, by which version', async () => {
    const answer = await get(at('/photos/trip/cat.jpg'), debug)
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    expect(ours(answer)).toEqual({
      'x-mort-key': '/trip/cat.jpg',
      'x-mort-storage': 'local',
      'x-mort-version': expect.stringMatching(/^mortise \d+\.\d+\.\d+/),
    })
  })

  it('tells what a derivative was made from, and how', async () => {
    const answer = await get(at('/presets/small/trip/cat.jpg'), debug)
    const { 'x-mort-transform-json': json, 'x-mort-version': _, ...fields } = ours(answer)
    expect(fields).toEqual({
      'x-mort-key': '/small/trip/cat.jpg',
      'x-mort-storage': 'local-meta',
      'x-mort-transform': 'true',
      'x-mort-parent-key': '/trip/cat.jpg',
      'x-mort-parent-bucket': 'photos',
      'x-mort-parent-storage': 'local',
    })
    expect(JSON.parse(json ?? '')).toEqual([
      expect.objectContaining({ width: 15, interpretation: 'b-w', quality: 70, format: 'webp' }),
    ])
  })

  it('does not keep an answer from the cache, and leaves none of its fields there', async () => {
    const url = at('/photos/trip/cat.jpg?width=30')
    const first = await get(url)
    const asked = await get(url, debug)
    const after = await get(url)
    expect([first, asked, after].map(({ headers }) => headers.get('x-mort-cache'))).toEqual([null, 'hit', 'hit'])
    expect([first, asked, after].map(({ headers }) => headers.get('cache-control'))).toEqual([
      'max-age=600',
      'no-cache',
      'max-age=600',
    ])
    expect(ours(asked)).toHaveProperty('x-mort-key')
    expect(ours(after)).toEqual({ 'x-mort-cache': 'hit' })
    expect(Buffer.from(asked.bytes).equals(first.bytes)).toBe(true)
  })

  it.each([
    ['HEAD', 200, {}],
    ['a part', 206, { range: 'bytes=0-9' }],
    ['what the client has', 304, { 'if-none-match': '*' }],
    ['what the client has not', 412, { 'if-match': '"other"' }],
    ['a part that is not there', 416, { range: 'bytes=9999999-' }],
  ])('is answered on %s: %i', async (name, status, headers) => {
    const answer = await (name === 'HEAD' ? head : get)(at('/photos/trip/cat.jpg?width=30'), { ...headers, ...debug })
    expect([answer.status, answer.headers.get('x-mort-parent-key')]).toEqual([status, '/trip/cat.jpg'])
  })

  it('is answered on an error that was planned', async () => {
    const answer = await get(at('/photos/absent.jpg?width=30'), debug)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([404, 'no-cache'])
    expect(ours(answer)).toMatchObject({ 'x-mort-parent-key': '/absent.jpg', 'x-mort-transform': 'true' })
  })

  it('leaves out a storage that is not configured', async () => {
    const answer = await get(at('/nowhere-to-store/trip/cat.jpg?width=30'), debug)
    expect([answer.status, answer.headers.has('x-mort-storage')]).toEqual([503, false])
  })

  it('names a key that no field can hold', async () => {
    const answer = await get(at('/photos/%E2%98%85.txt'), debug)
    expect([answer.text, answer.headers.get('x-mort-key')]).toEqual(['a star', '/%E2%98%85.txt'])
  })

  it.each<Record<string, string>>([{}, { 'x-mort-debug': '' }])('%j asks for nothing', async headers => {
    expect(ours(await get(at('/photos/trip/cat.jpg?width=31'), headers))).not.toHaveProperty('x-mort-key')
    expect((await get(at('/photos/trip/cat.jpg?width=0'), headers)).text).not.toContain('width')
  })
})

describe('the debug header, where it is not allowed', () => {
  let part: Part
  beforeAll(async () => {
    part = await startPart('serve', { ...(await setUp()).config, security: { debugHeaders: false } })
  })
  afterAll(() => part[Symbol.asyncDispose]())

  it('changes nothing', async () => {
    for (const target of ['/photos/trip/cat.jpg?width=30', '/photos/trip/cat.jpg']) {
      const answer = await get(part.url + target, debug)
      expect([answer.status, answer.headers.get('cache-control'), ours(answer)]).toEqual([200, 'max-age=600', {}])
    }
    expect((await get(`${part.url}/photos/trip/cat.jpg?width=0`, debug)).text).not.toContain('width')
  })
})
