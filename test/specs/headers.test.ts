import { describe, expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { get, send } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({ 'photos/photo.jpg': await photo(60, 40) })

async function setUp() {
  const { basic, transform: store } = (await site.emptyStore()).storages('photos')
  const transform = { kind: 'query' }
  const buckets = {
    plain: { storages: { basic, transform: store }, transform },
    own: {
      storages: { basic, transform: store },
      transform,
      headers: { 'Cache-Control': 'max-age=7', 'X-Bucket': 'own' },
    },
    'nowhere-to-store': { storages: { basic }, transform },
  }
  const headers = [
    {
      statusCodes: [200, 206],
      values: { 'cache-control': 'max-age=84000, public', 'X-Bucket': 'rule', 'X-Rule': 'first' },
    },
    {
      statusCodes: [404, 503],
      // What no response can hold is left out, and fails none.
      values: {
        'Cache-Control': 'max-age=60',
        'X-Rule': 'errors',
        'X Name': 'a',
        'X-Lines': 'a\r\nb: c',
        'X-Euro': '\u20ac',
      },
    },
    { statusCodes: [413], override: true, values: { 'Cache-Control': 'max-age=1', 'X-Bucket': 'replaced' } },
    { statusCodes: [200, 404, 416], values: { 'X-Rule': 'second' } },
    { statusCodes: [400, 401, 403], values: { 'X-Rule': 'never planned' } },
  ]
  return { config: { buckets, headers } }
}

const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'POST, GET, OPTIONS, HEAD',
  'access-control-allow-headers': 'Content-Type, X-Amz-Public-Width, X-Amz-Public-Height',
  'access-control-expose-headers': 'Content-Type, X-Amz-Public-Width, X-Amz-Public-Height',
  'accept-ranges': 'bytes',
}
const without = Object.fromEntries(Object.keys(cors).map(name => [name, null]))

function pick({ headers }: { headers: Headers }, names: string[]) {
  return Object.fromEntries(names.map(name => [name, headers.get(name)]))
}

const configured = ['cache-control', 'x-bucket', 'x-rule']

describeModes('headers', setUp, cluster => {
  const at = (target: string) => cluster().url + target

  describe('of the configuration', () => {
    it.each([
      ['200 of an original', '/plain/photo.jpg', ['max-age=84000, public', 'rule', 'first']],
      ['200 of a derivative', '/plain/photo.jpg?width=30', ['max-age=84000, public', 'rule', 'first']],
      // A name in lower case replaces what the bucket says; one in canonical case does not.
      ['200 in a bucket with its own', '/own/photo.jpg?width=30', ['max-age=84000, public', 'own', 'first']],
      ['404', '/plain/absent.jpg?width=30', ['max-age=60', null, 'errors']],
      ['404 in a bucket with its own', '/own/absent.jpg', ['max-age=7', 'own', 'errors']],
      ['404 of the folder of a bucket', '/own/', ['max-age=7', 'own', 'errors']],
      ['404 of an object with a slash behind it', '/plain/photo.jpg/?width=30', ['max-age=60', null, 'errors']],
      ['413 with override', '/own/photo.jpg?width=9000', ['max-age=1', 'replaced', null]],
      ['503', '/nowhere-to-store/photo.jpg?width=30', ['max-age=60', null, 'errors']],
      ['400 of a bad parameter', '/own/photo.jpg?width=0', [null, null, null]],
      ['400 of an unknown bucket', '/unknown/photo.jpg', [null, null, null]],
    ])('on a %s', async (name, target, expected) => {
      const answer = await get(at(target))
      expect(answer.status).toBe(Number(name.slice(0, 3)))
      expect(Object.values(pick(answer, configured))).toEqual(expected)
    })

    it('are on a part and on a 304 as on the whole', async () => {
      const whole = await get(at('/own/photo.jpg?width=31'))
      const etag = whole.headers.get('etag') ?? ''
      const part = await get(at('/own/photo.jpg?width=31'), { range: 'bytes=0-9' })
      const unchanged = await get(at('/own/photo.jpg?width=31'), { 'if-none-match': etag })
      expect([part.status, unchanged.status]).toEqual([206, 304])
      expect(pick(part, configured)).toEqual(pick(whole, configured))
      expect(pick(unchanged, configured)).toEqual(pick(whole, configured))
    })

    it('stay the same when the answer comes from memory', async () => {
      const first = await get(at('/own/photo.jpg?width=32'))
      const second = await get(at('/own/photo.jpg?width=32'))
      expect(second.headers.get('x-mort-cache')).toBe('hit')
      expect(pick(second, configured)).toEqual(pick(first, configured))
    })
  })

  describe('for other origins', () => {
    it.each([
      [200, '/plain/photo.jpg', {}],
      [200, '/plain/photo.jpg?width=30', {}],
      [206, '/plain/photo.jpg?width=30', { range: 'bytes=0-9' }],
      [304, '/plain/photo.jpg?width=30', { 'if-none-match': '*' }],
      [412, '/plain/photo.jpg?width=30', { 'if-match': '"other"' }],
      [416, '/plain/photo.jpg?width=30', { range: 'bytes=99999999-' }],
      [404, '/plain/absent.jpg', {}],
      [404, '/plain/', {}],
      [404, '/plain/photo.jpg/', {}],
      [400, '/plain/photo.jpg?operation=extract&areaWith=9999', {}],
      [503, '/nowhere-to-store/photo.jpg?width=30', {}],
    ])('are on a %i of %s', async (status, target, headers) => {
      const answer = await get(at(target), headers)
      expect(answer.status).toBe(status)
      expect(pick(answer, Object.keys(cors))).toEqual(cors)
    })

    it.each([
      [400, '/plain/photo.jpg?width=0'],
      [400, '/unknown/photo.jpg'],
      [403, '/'],
    ])('are not on a %i of %s, which was never planned', async (status, target) => {
      const answer = await get(at(target))
      expect(answer.status).toBe(status)
      expect(pick(answer, Object.keys(cors))).toEqual(without)
    })

    it('are on the answer to OPTIONS', async () => {
      const answer = await send(at('/plain/photo.jpg'), { method: 'OPTIONS' })
      expect([answer.status, answer.text]).toEqual([204, ''])
      expect(pick(answer, Object.keys(cors))).toEqual(cors)
    })
  })

  describe('for debugging', () => {
    const debug = { 'x-mort-debug': '1' }

    it.each([
      ['/plain/photo.jpg?width=0', 'width: expected 1 to 2147483647, found 0'],
      ['/unknown/photo.jpg', 'no such bucket'],
      ['/plain/absent.jpg', 'no such object'],
    ])('explain %s', async (target, message) => {
      expect(JSON.parse((await get(at(target), debug)).text).message).toBe(message)
    })

    it('explain what is no fault of the client as well', async () => {
      const { status, text } = await get(at('/nowhere-to-store/photo.jpg?width=30'), debug)
      const message = 'storage nowhere-to-store/transform: not configured'
      expect([status, JSON.parse(text)]).toEqual([503, { message, code: 'storage_unavailable' }])
    })
  })

  it('of a 503 say when to come again', async () => {
    const answer = await get(at('/nowhere-to-store/photo.jpg?width=30'))
    expect(answer.headers.get('retry-after')).toBe('1')
  })
})
