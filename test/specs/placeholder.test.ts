import path from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPart } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { resultOf } from '../observe.ts'
import { type Origin, startOrigin } from '../servers/origin.ts'
import { until, untilEqual } from '../until.ts'
import { type Answer, derivative, get, head, pictureOf } from './client.ts'
import { createSite } from './site.ts'

const placeholder = await sharp({ create: { width: 240, height: 120, channels: 3, background: '#808080' } })
  .png()
  .toBuffer()
const svg = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"/>'
const site = await createSite({ 'sorry.png': placeholder, 'sorry.svg': svg, 'sorry.txt': 'sorry' })
const file = (name: string) => path.join(site.folder, name)

let origin: Origin
beforeAll(async () => {
  origin = await startOrigin()
})
afterAll(() => origin?.[Symbol.asyncDispose]())

/** `broken` cannot be read, `slow` does not answer, `unstored` cannot store. */
async function setUp(server: object = {}) {
  origin.put('/media/cat.jpg', await photo(60, 40))
  origin.behave(request => {
    if (request.includes('/broken') || request.includes('/made/')) return { status: 500 }
    return request.includes('/slow') ? 'hold' : 'answer'
  })
  const store = (await site.emptyStore()).storages()
  const storages = { basic: origin.storage, transform: store.transform }
  const unstored = { basic: origin.storage, transform: { ...origin.storage, pathPrefix: 'made', bucket: 'x' } }
  const transform = { kind: 'query' }
  return {
    config: {
      server: { placeholder: file('sorry.png'), requestTimeout: 4, plugins: { webp: null }, ...server },
      headers: [
        { statusCodes: [503, 504], values: { 'cache-control': 'max-age=10' } },
        { statusCodes: [200], values: { 'cache-control': 'max-age=60' } },
      ],
      buckets: {
        media: { storages, transform },
        checked: {
          storages: { ...storages, basic: { ...origin.storage, bucket: 'media' } },
          transform: { ...transform, checkParent: true },
        },
        unstored: { storages: { ...unstored, basic: { ...origin.storage, bucket: 'media' } }, transform },
      },
    },
  }
}

const isRaw = ({ bytes }: Answer) => Buffer.from(bytes).equals(placeholder)
const hit = ({ headers }: Answer) => headers.get('x-mort-cache')

/** Asks until the placeholder has the transforms. */
async function untilTransformed(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  let last = await get(url, headers)
  await until('a transformed placeholder', async () => {
    last = await get(url, headers)
    return hit(last) === 'hit'
  })
  return last
}

describeModes('a placeholder', setUp, cluster => {
  const at = (target: string) => cluster().url + target

  it('is sent as it is at first, then with the transforms that were asked for, with the status of the error', async () => {
    const url = at('/media/broken.jpg?width=100')
    const first = await get(url)
    expect([first.status, first.headers.get('content-type'), hit(first), isRaw(first)]).toEqual([
      503,
      'image/png',
      null,
      true,
    ])
    const later = await untilTransformed(url)
    expect(await pictureOf(later)).toMatchObject({ status: 503, type: 'image/png', size: '100x50', format: 'png' })
  })

  it('has the headers of the error', async () => {
    const { headers } = await get(at('/checked/broken.jpg?width=101'))
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    const names = ['cache-control', 'access-control-allow-origin', 'vary', 'etag', 'x-content-type-options']
    expect(names.map(name => headers.get(name))).toEqual(['max-age=10', '*', 'Accept', null, 'nosniff'])
  })

  it('is one for equal transforms of any original', async () => {
    await untilTransformed(at('/checked/broken.jpg?width=102'))
    expect(hit(await get(at('/checked/broken-too.jpg?width=102')))).toBe('hit')
    expect(hit(await get(at('/checked/broken-too.jpg?width=103')))).toBe(null)
  })

  it('has the format that was asked for, or negotiated', async () => {
    const asked = await untilTransformed(at('/checked/broken.jpg?width=104&format=jpeg'))
    expect(await pictureOf(asked)).toMatchObject({ type: 'image/jpeg', format: 'jpeg', size: '104x52' })
    const negotiated = await untilTransformed(at('/checked/broken.jpg?width=104'), { accept: 'image/webp' })
    expect(await pictureOf(negotiated)).toMatchObject({ type: 'image/webp', format: 'webp', size: '104x52' })
  })

  it('answers HEAD without a body', async () => {
    const { status, headers, bytes } = await head(at('/checked/broken.jpg?width=105'))
    expect([status, headers.get('content-length'), bytes.length]).toEqual([503, String(placeholder.length), 0])
  })

  it('stands in when it took too long', async () => {
    const answer = await get(at('/media/slow.jpg?width=100'))
    expect([answer.status, answer.headers.get('content-type')]).toEqual([504, 'image/png'])
  })

  it('stands in when checkParent cannot look at the original', async () => {
    const answer = await get(at('/checked/broken.jpg?width=106'))
    expect([answer.status, isRaw(answer)]).toEqual([503, true])
  })

  it('leaves nothing in the storages, and is not in the way of the derivative', async () => {
    await untilTransformed(at('/media/broken-for-now.jpg?width=30'))
    origin.put('/media/broken-for-now.jpg', await photo(60, 40))
    origin.behave(request => (request.includes('/slow') ? 'hold' : 'answer'))
    expect(await pictureOf(await get(at('/media/broken-for-now.jpg?width=30')))).toEqual(derivative('30x20'))
    await setUp()
    expect(origin.names().filter(name => name.includes('placeholder'))).toEqual([])
  })

  it.each([
    [
      'a debug header asks for the error',
      '/media/broken.jpg?width=100',
      { 'x-mort-debug': '1' },
      '503 storage_unavailable',
    ],
    ['no transform was asked for', '/media/broken.jpg', {}, '503 storage_unavailable'],
    ['the parameters are wrong', '/media/broken.jpg?width=x', {}, '400 invalid_request'],
    ['the storage of derivatives fails', '/unstored/cat.jpg?width=10', {}, '503 storage_unavailable'],
  ])('does not stand in when %s', async (_, target, headers, expected) => {
    const answer = await get(at(target), headers as Record<string, string>)
    expect([resultOf(answer), hit(answer)]).toEqual([expected, null])
  })

  it('does not stand in for what is not there', async () => {
    const { status, headers } = await get(at('/media/absent.jpg?width=100'))
    expect([status, headers.get('content-type')]).toEqual([404, 'text/plain'])
  })
})

describe('a placeholder in one process', () => {
  it('stands in for overload, as it is', async () => {
    const { config } = await setUp({ queue: { maxWaiting: 1 } })
    await using part = await startPart('serve', config)
    const waiting = get(`${part.url}/media/slow.jpg?width=100`)
    await until('the original to be asked for', () => origin.held.length > 0)
    const answer = await get(`${part.url}/media/cat.jpg?width=99`)
    expect([answer.status, isRaw(answer), answer.headers.has('retry-after')]).toEqual([503, true, true])
    await waiting
  })

  it('can be an SVG, which runs no scripts', async () => {
    const { config } = await setUp({ placeholder: file('sorry.svg') })
    await using part = await startPart('serve', config)
    const { status, headers, text } = await get(`${part.url}/media/broken.jpg?width=100`)
    expect([status, headers.get('content-type'), text]).toEqual([503, 'image/svg+xml', svg])
    expect(headers.get('content-security-policy')).toMatch(/sandbox/)
  })

  it('can come from a URL, which is read once', async () => {
    origin.put('/site/sorry.png', placeholder, { 'content-type': 'text/plain' })
    const { config } = await setUp({ placeholder: `${origin.url}/site/sorry.png` })
    await using part = await startPart('serve', config)
    for (const width of [1, 2]) {
      const answer = await get(`${part.url}/media/broken.jpg?width=${width}`)
      expect([answer.headers.get('content-type'), isRaw(answer)]).toEqual(['image/png', true])
    }
    expect(origin.requests.filter(request => request.endsWith('/sorry.png'))).toEqual(['GET /site/sorry.png'])
  })

  it.each([
    ['is not there', () => file('nowhere.png'), /server\.placeholder: \/.*\/nowhere\.png cannot be read: ENOENT$/m],
    ['is a folder', () => site.folder, /server\.placeholder: \/\S+ cannot be read: EISDIR$/m],
    ['is no image', () => file('sorry.txt'), /server\.placeholder: \/.*\/sorry\.txt is no JPEG, PNG/],
    [
      'is not there for its server',
      () => `${origin.url}/site/no.png?token=hidden`,
      /server\.placeholder: http:\/\/\S+\/site\/no\.png cannot be read: its server answers 404$/m,
    ],
    [
      'has no server',
      () => 'http://127.0.0.1:2/no.png',
      /server\.placeholder: http:\/\/127\.0\.0\.1:2\/no\.png cannot be read: ECONNREFUSED$/m,
    ],
    ['is too large', () => file('large.png'), /server\.placeholder: \/.*\/large\.png has more than 4 MiB$/m],
  ])('that %s is told of in one line, and nothing starts', async (_, source, line) => {
    await site.write('large.png', Buffer.alloc(4 * 1024 * 1024 + 1))
    const { config } = await setUp({ placeholder: source() })
    const error: Error = await startPart('serve', config).then(
      async part => {
        await part.stop()
        return new Error('it has started')
      },
      error => error,
    )
    expect(error.message).toMatch(line)
    expect(error.message).not.toMatch(/\n\s+at /)
  })
})

it('errors are told as they are without a placeholder', async () => {
  const { config } = await setUp({ placeholder: '' })
  await using part = await startPart('serve', config)
  await untilEqual(
    'an error',
    async () => resultOf(await get(`${part.url}/media/broken.jpg?width=100`)),
    '503 storage_unavailable',
  )
})
