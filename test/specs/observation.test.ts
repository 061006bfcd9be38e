import { afterAll, describe, expect, it } from 'vitest'
import { startPart } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { startOrigin } from '../servers/origin.ts'
import { untilEqual } from '../until.ts'
import { get, head, metric, send, sendRaw } from './client.ts'
import { createSite } from './site.ts'

const origin = await startOrigin()
const site = await createSite({
  'photos/cat.jpg': await photo(60, 40),
  'scripts/throws.js': 'export default () => { throw new Error("not today") }\n',
  'scripts/loops.js': 'export default () => { for (;;) {} }\n',
})
afterAll(() => origin[Symbol.asyncDispose]())

async function setUp() {
  const storages = (await site.emptyStore()).storages()
  const transform = { kind: 'query' }
  const buckets = {
    photos: { storages, transform, headers: { 'Cache-Control': 'max-age=600' } },
    broken: { storages: { ...storages, basic: origin.storage }, transform },
    throws: { storages, transform: { kind: 'script', scriptPath: `${site.folder}/scripts/throws.js` } },
    loops: { storages, transform: { kind: 'script', scriptPath: `${site.folder}/scripts/loops.js` } },
    tengo: { storages, transform: { kind: 'tengo', tengoPath: 'parse.tengo' } },
  }
  return { config: { server: { accessLogs: true }, buckets } }
}

type Line = Record<string, unknown>

describeModes('what operators see', setUp, cluster => {
  const at = (target: string) => cluster().url + target
  const lines = (): Line[] =>
    cluster()
      .gateway.output()
      .split('\n')
      .flatMap(line => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Line] : []))

  it('responses by method and status; invented methods count together', async () => {
    const { gateway } = cluster()
    const counted = () => metric(gateway, 'mortise_responses_total')
    const of = async (method: string, status: number) => {
      const { text } = await get(`${gateway.internalUrl}/metrics`)
      const label = `mortise_responses_total{method="${method}",status="${status}"} `
      return Number(
        text
          .split('\n')
          .find(line => line.startsWith(label))
          ?.slice(label.length) ?? 0,
      )
    }
    const before = await counted()
    await get(at('/photos/cat.jpg?width=20'))
    await get(at('/photos/cat.jpg?width=20'))
    await get(at('/photos/cat.jpg?width=20'), { 'if-none-match': '*' })
    await head(at('/photos/cat.jpg?width=20'))
    await get(at('/photos/absent.jpg'))
    await send(at('/photos/cat.jpg'), { method: 'OPTIONS' })
    await sendRaw(cluster().url, 'PROPFIND /photos/cat.jpg')
    await sendRaw(cluster().url, 'LOCK /photos/cat.jpg')
    await untilEqual('responses', async () => (await counted()) - before, 8)
    expect(await Promise.all([of('GET', 200), of('GET', 304), of('HEAD', 200), of('GET', 404)])).toEqual([2, 1, 1, 1])
    expect(await Promise.all([of('OPTIONS', 204), of('other', 401)])).toEqual([1, 2])
  })

  it.each([
    ['support-17', 'support-17'],
    ['a"b;c\td', 'abcd'],
    ['x'.repeat(1000), 'x'.repeat(128)],
  ])('the id of a request, %j, in the answer and in the log', async (given, id) => {
    for (const target of [
      '/photos/cat.jpg?width=20',
      '/photos/cat.jpg',
      '/photos/absent.jpg',
      '/photos/cat.jpg?width=0',
    ]) {
      const { headers } = await get(at(target), { 'x-request-id': given })
      expect(headers.get('x-request-id')).toBe(id)
    }
    const ofThis = () => lines().filter(({ requestId, msg }) => requestId === id && msg === 'request').length
    await untilEqual('lines about it', ofThis, 4)
  })

  it('an id that was made for a request that has none', async () => {
    const ids = await Promise.all(
      [1, 2].map(async () => (await get(at('/photos/absent.jpg'))).headers.get('x-request-id')),
    )
    expect(ids.map(id => /^[0-9a-f-]{36}$/.test(id ?? ''))).toEqual([true, true])
    expect(new Set(ids).size).toBe(2)
  })

  it('why a request was refused, without its query and where things are', async () => {
    origin.behave(() => 'sever')
    const targets: [target: string, fields: Record<string, string>][] = [
      ['/photos/cat.jpg?width=0&token=hidden', {}],
      ['/photos/absent.jpg', {}],
      ['/unknown/cat.jpg', {}],
      ['/broken/cat.jpg', {}],
      ['/photos/cat.jpg', { 'if-match': '"other"' }],
      ['/photos/cat.jpg', {}],
    ]
    for (const [index, [target, fields]] of targets.entries())
      await get(at(target), { ...fields, 'x-request-id': `why-${index}` })
    origin.release()
    const told = () => lines().filter(({ requestId, msg }) => msg === 'request' && /^why-/.test(String(requestId)))
    await untilEqual('lines', () => told().length, targets.length)
    expect(told().map(({ requestId, status, code, reason }) => [requestId, status, code, reason])).toEqual([
      ['why-0', 400, 'invalid_request', 'width: expected 1 to 2147483647, found 0'],
      ['why-1', 404, 'no_such_object', 'no such object'],
      ['why-2', 400, 'no_such_bucket', 'no such bucket'],
      ['why-3', 503, 'storage_unavailable', expect.any(String)],
      ['why-4', 412, 'precondition_failed', undefined],
      ['why-5', 200, undefined, undefined],
    ])
    expect(JSON.stringify(told())).not.toMatch(/hidden|127\.0\.0\.1/)
  })

  it.each([
    ['a script throws', '/throws/cat.jpg', 'invalid_request', /not today/],
    ['a script does not end', '/loops/cat.jpg', 'invalid_request', /script/],
    ['something is not there', '/tengo/cat.jpg', 'unsupported', /Tengo/],
  ])('that %s: a warning, not one for each request', async (_, target, code, reason) => {
    const about = () => lines().filter(line => line.level === 'warn' && line.target === target)
    for (let i = 0; i < 3; i++) await get(at(target))
    const once = { msg: 'requests fail', code, bucket: target.split('/')[1], reason: expect.stringMatching(reason) }
    expect(about()).toEqual([expect.objectContaining(once)])
  })

  it('that a storage is away: one line, not one for each request', async () => {
    origin.behave(() => 'sever')
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(at('/broken/cat.jpg'))))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(503))
    origin.release()
    const warnings = () => lines().filter(({ level, code }) => level === 'warn' && code === 'storage_unavailable')
    await untilEqual('warnings', () => warnings().length, 1)
    expect(warnings()[0]).toMatchObject({ bucket: 'broken', target: '/broken/cat.jpg', reason: expect.any(String) })
    const { headers } = answers[0] ?? expect.unreachable()
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('without access logs', () => {
  it('a hit carries the id that the client gave, and none of its own', async () => {
    const { config } = await setUp()
    await using part = await startPart('serve', { ...config, server: {} })
    const url = `${part.url}/photos/cat.jpg?width=20`
    await get(url)
    const ids = [await get(url), await get(url, { 'x-request-id': 'mine' })].map(({ headers }) => [
      headers.get('x-mort-cache'),
      headers.get('x-request-id'),
    ])
    expect(ids).toEqual([
      ['hit', null],
      ['hit', 'mine'],
    ])
  })
})
