import { describe, expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { get, send, sendRaw } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({ 'photos/photo.jpg': await photo(60, 40) })

async function setUp() {
  const storages = (await site.emptyStore()).storages('photos')
  const key = { accessKey: 'acc', secretAccessKey: 'sec' }
  const buckets = {
    photos: { storages, transform: { kind: 'query' } },
    keyed: { storages, transform: { kind: 'query' }, keys: [key] },
  }
  return { config: { buckets } }
}

const mark = 'operation=watermark&image=http://example.org/a.png'
const body = (code: string) => ({ message: 'error', code })

describeModes('errors', setUp, cluster => {
  const at = (target: string) => cluster().url + target

  describe('of parameters', () => {
    it.each([
      ...['invalid', '-100', '', '0', '1.5', '0x10', '1e2', '99999999999'].map(text => `width=${text}`),
      ...['0', 'invalid', '-1'].map(text => `width=30&height=${text}`),
      'operation=',
      'operation=&operation=resize&width=30',
      'operation=resize',
      'operation=resize&width=0&height=0',
      'operation=resize&width=nonsense',
      'operation=resize&width=-30',
      'operation=crop&width=-30&height=30',
      'operation=crop&width=30&height=-30',
      ...['areaWith', 'areaWidth', 'areaHeight', 'top', 'left'].map(name => `operation=extract&${name}=-1`),
      'operation=extract&areaWith=61&areaHeight=10',
      'operation=extract&areaWith=30&areaHeight=30&top=20',
      'operation=blur',
      ...['', 'invalid', '-5', '0', '100.1', 'NaN', 'Infinity'].map(text => `operation=blur&sigma=${text}`),
      'operation=rotate',
      ...['', 'invalid', '45', '360', '-90', '90.5'].map(text => `operation=rotate&angle=${text}`),
      'operation=resizeCropAuto&width=-30&height=30',
      'operation=watermark',
      ...[
        '',
        'photo.jpg',
        '/etc/hostname',
        'file:///etc/hostname',
        'ftp://example.org/a',
        'http://127.0.0.1/a.png',
      ].map(image => `operation=watermark&position=top-left&opacity=1&image=${image}`),
      ...['', 'top', 'left-top'].map(position => `${mark}&opacity=1&position=${position}`),
      ...['', 'invalid', '-0.1', '1.1', 'NaN'].map(opacity => `${mark}&position=top-left&opacity=${opacity}`),
      ...['', 'invalid', '0', '101', '200', '-1', '80.5'].map(text => `quality=${text}`),
      ...['', 'invalid', 'bmp', 'svg', 'pdf', 'JPEG'].map(text => `format=${text}`),
    ])('?%s is 400', async query => {
      const answer = await get(at(`/photos/photo.jpg?${query}`))
      expect(answer.status).toBe(400)
      expect(answer.headers.get('content-type')).toBe('application/json')
      expect(JSON.parse(answer.text)).toEqual(body('invalid_request'))
    })

    it.each([
      ['width=8193', 413],
      ['width=100000&height=100000', 413],
      ['width=2147483647', 413],
      ['operation=crop&width=30000&height=30', 413],
      ['width=6000&height=6000&format=avif', 413],
    ])('?%s is %i: too large to make', async (query, status) => {
      const answer = await get(at(`/photos/photo.jpg?${query}`))
      expect([answer.status, JSON.parse(answer.text)]).toEqual([status, body('limit_exceeded')])
    })
  })

  describe('of addresses', () => {
    it.each([
      '/unknown',
      '/unknown/photo.jpg',
      '/favicon.ico',
      '/robots.txt',
      '//photo.jpg',
      '/Photos/photo.jpg',
      '/constructor/a',
    ])('%s is 400: no such bucket', async target => {
      const answer = await get(at(target))
      expect([answer.status, JSON.parse(answer.text)]).toEqual([400, body('no_such_bucket')])
    })

    it('/ is 403: the list of buckets is not for everybody', async () => {
      const answer = await get(at('/'))
      expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([403, '', 'text/plain'])
    })

    it.each([
      ['of 10,000 characters', `/photos/${'a/'.repeat(5000)}`],
      ['of 2,000 characters', `/photos/${'a/'.repeat(1000)}b.jpg?width=30`],
      ['with a name of 300 characters', `/photos/${'a'.repeat(300)}.jpg?width=30`],
      ['with a query of 10,000 characters', `/photos/photo.jpg?v=${'a'.repeat(10_000)}`],
    ])('a path %s is 400', async (_, target) => {
      const answer = await get(at(target))
      expect([answer.status, JSON.parse(answer.text)]).toEqual([400, body('invalid_request')])
    })
  })

  describe('of methods', () => {
    const refused = (status: number) => [status, '', 'text/plain']

    it.each(['PUT', 'POST', 'DELETE', 'PATCH', 'PROPFIND'])(
      '%s by anybody is 401, 403 where no bucket is',
      async method => {
        const answers = ['/photos/photo.jpg', '/keyed/new.jpg?width=30', '/photos', '/unknown/photo.jpg', '/'].map(
          target => {
            return send(at(target), { method })
          },
        )
        const told = (await Promise.all(answers)).map(({ status, text, headers }) => [
          status,
          text,
          headers.get('content-type'),
        ])
        expect(told).toEqual([refused(401), refused(401), refused(401), refused(403), refused(403)])
      },
    )

    it('a PUT with a wrong signature leaves the original as it is', async () => {
      const before = await get(at('/keyed/photo.jpg'))
      const headers = { authorization: 'AWS acc:c2lnbmF0dXJl' }
      const answer = await send(at('/keyed/photo.jpg'), { method: 'PUT', body: 'a'.repeat(100_000), headers })
      expect([answer.status, answer.headers.get('content-type')]).toEqual([403, 'application/xml'])
      const after = await get(at('/keyed/photo.jpg'))
      expect(Buffer.from(after.bytes).equals(before.bytes)).toBe(true)
    })

    it.each(['/photos/photo.jpg', '/unknown/photo.jpg', '/'])('OPTIONS %s is 204', async target => {
      expect((await sendRaw(cluster().url, `OPTIONS ${target}`)).status).toBe(204)
    })

    it('a GET that brings credentials of another scheme is a GET', async () => {
      expect((await get(at('/keyed/photo.jpg?width=30'), { authorization: 'Bearer token' })).status).toBe(200)
    })
  })
})
