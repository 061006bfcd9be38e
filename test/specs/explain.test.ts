import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type Part, startPart } from '../cluster.ts'
import { runCommand } from '../command.ts'
import { photo } from '../fixtures/images.ts'
import { untilEqual } from '../until.ts'
import { derivative, get, pictureOf } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({ 'media/cat.jpg': await photo(60, 40) })
const store = await site.emptyStore()
const config = {
  server: { plugins: { webp: null }, cache: { ttl: 33 } },
  limits: { urlLength: 300 },
  headers: [
    { statusCodes: [404], values: { 'X-Lost': '1' } },
    { statusCodes: [200], values: { 'Cache-Control': 'public, max-age=84', 'x-always': 'a' } },
  ],
  buckets: {
    media: {
      headers: { 'X-Bucket': 'media' },
      storages: store.storages(),
      transform: {
        kind: 'presets-query',
        path: '^/(?P<presetName>[a-z]+)/(?P<parent>.+)$',
        parentBucket: 'media',
        presets: { small: { filters: { thumbnail: { width: 30 } } } },
      },
    },
  },
}

/** Nobody answers there: a command that asks would fail, or take long. */
const away = {
  ...config,
  server: {
    ...config.server,
    queue: { type: 'redis', address: ['192.0.2.1:6379'] },
    cache: { type: 'redis', address: ['192.0.2.1:6379'], ttl: 33 },
  },
}

const file = path.join(site.folder, 'away.yml')
await writeFile(file, stringify(away))

async function explain(url: string, ...options: string[]) {
  const { code, stdout } = await runCommand('explain', '--config', file, ...options, url)
  return { code, explained: JSON.parse(stdout) }
}

describe('mortise explain', () => {
  it('tells what a URL of a derivative means', async () => {
    const { code, explained } = await explain('/media/small/cat.jpg?width=9')
    expect(code).toBe(0)
    expect(explained).toMatchObject({
      target: '/media/small/cat.jpg?width=9',
      kind: 'derivative',
      bucket: 'media',
      key: '/small/cat.jpg',
      grammar: 'presets-query',
      preset: 'small',
      parents: [{ bucket: 'media', key: '/cat.jpg' }],
      original: { storage: 'media/basic', bucket: 'media', key: '/cat.jpg' },
      passes: [['resize(30x0 enlarge)']],
      output: { format: 'original', quality: null },
      derivative: { storage: 'media/transform', bucket: 'media' },
      checkParent: false,
      negotiation: { offered: ['webp'], chosen: null },
    })
    expect(explained.id).toMatch(/^[0-9a-f]{32}$/)
    expect(explained.warnings).toEqual([expect.stringMatching(/query/)])
  })

  it('tells the rules of the caches', async () => {
    const { explained } = await explain('/media/cat.jpg?width=20')
    expect(explained.cache).toEqual({
      headers: [
        { from: 'bucket', name: 'x-bucket', value: 'media', replaces: false },
        { from: 'global', name: 'cache-control', value: 'public, max-age=84', replaces: false },
        { from: 'global', name: 'x-always', value: 'a', replaces: true },
      ],
      cacheControl: 'public, max-age=84',
      unlessStored: true,
      lifetime: 84,
      shared: 'redis',
      minUseCount: 0,
      maxItemBytes: 10 * 1024 * 1024,
    })
  })

  it('takes whole URLs, and the Accept of a client', async () => {
    const { code, explained } = await explain(
      'https://images.test/media/cat.jpg?width=20#top',
      '--accept',
      'image/avif,image/webp;q=0.8',
    )
    expect(code).toBe(0)
    expect(explained).toMatchObject({
      accept: 'image/avif,image/webp;q=0.8',
      output: { format: 'webp' },
      negotiation: { chosen: 'webp' },
    })
  })

  it.each([
    ['an object', '/media/cat.jpg', { kind: 'object', original: { key: '/cat.jpg' } }],
    ['a folder', '/media/trip/', { kind: 'object', warnings: [expect.stringMatching(/folder/)] }],
    ['a bucket', '/media', { kind: 'bucket', bucket: 'media' }],
    ['all buckets', '/', { kind: 'buckets' }],
  ])('tells of %s', async (_, url, means) => {
    const { code, explained } = await explain(url)
    expect(code).toBe(0)
    expect(explained).toMatchObject(means)
  })

  it.each([
    ['a bucket that is not there', '/none/cat.jpg', 'no_such_bucket', 400],
    ['a parameter', '/media/cat.jpg?width=0', 'invalid_request', 400],
    ['what is no path', 'media/cat.jpg', 'invalid_request', 400],
    ['a URL that is too long', `/media/${'a'.repeat(300)}`, 'invalid_request', 400],
  ])('ends with 1 and the reason for %s', async (_, url, error, status) => {
    const { code, explained } = await explain(url)
    expect([code, explained]).toEqual([1, expect.objectContaining({ error: expect.anything(), status })])
    expect(explained.error).toEqual({ code: error, message: expect.any(String) })
    expect(explained.cache).toBe(undefined)
  })

  it('repeats the warnings of the file that are about the URL, and no others', async () => {
    const presets = { small: { quality: 101 }, large: { quality: 102 } }
    const transform = { ...config.buckets.media.transform, presets }
    const buckets = { media: { ...config.buckets.media, transform }, media2: { ...config.buckets.media, typo: 1 } }
    const doubtful = path.join(site.folder, 'doubtful.yml')
    await writeFile(doubtful, stringify({ ...away, server: { ...away.server, typo: 1 }, buckets }))
    const [preset, other] = ['small/cat.jpg', 'cat.jpg?width=9'].map(key => `/media/${key}`)
    const ended = await runCommand('explain', '--config', doubtful, preset ?? '')
    const place = 'buckets.media.transform.presets.small.quality'
    expect(ended.stderr).toBe(`mortise: warning: ${place}: expected 1 to 100, found 101; has no effect\n`)
    expect((await runCommand('explain', '--config', doubtful, other ?? '')).stderr).toBe('')
  })

  it('calls the key of a result what the configuration calls it', async () => {
    const { stdout } = await runCommand('check', '--json', file)
    const { resultKey } = JSON.parse(stdout).meaning.buckets[0].transform
    expect(resultKey).toBe('hashParent')
    expect((await explain('/media/small/cat.jpg')).explained.resultKey).toBe(resultKey)
  })

  it('ends with 1 and one line for a configuration that is not there', async () => {
    const absent = path.join(site.folder, 'absent.yml')
    const { code, stdout, stderr } = await runCommand('explain', '--config', absent, '/')
    expect([code, stdout, stderr]).toEqual([1, '', `mortise: cannot read the configuration ${absent} (ENOENT)\n`])
  })
})

describe('/explain of the internal listener', () => {
  let part: Part
  beforeAll(async () => {
    part = await startPart('serve', config)
  })
  afterAll(() => part?.stop())

  const ask = async (query: Record<string, string>) => {
    const { status, text } = await get(`${part.internalUrl}/explain?${new URLSearchParams(query)}`)
    return { status, explained: JSON.parse(text) }
  }

  it('says what the command says, and makes nothing', async () => {
    const url = '/media/small/cat.jpg'
    const { status, explained } = await ask({ url, accept: 'image/webp' })
    const said = (await explain(url, '--accept', 'image/webp')).explained
    expect([status, explained]).toEqual([200, { ...said, cache: { ...said.cache, shared: null } }])
    expect(await store.count()).toBe(0)
  })

  it('says where a derivative lies', async () => {
    const { explained } = await ask({ url: '/media/small/cat.jpg' })
    expect(await pictureOf(await get(`${part.url}/media/small/cat.jpg`))).toEqual(derivative('30x20'))
    const stored = path.join('media', explained.derivative.key)
    await untilEqual('it to be stored', async () => (await store.files()).map(name => name.endsWith(stored)), [true])
  })

  it('answers 200 with the reason for a URL that is refused, and 400 without any', async () => {
    const { status, explained } = await ask({ url: '/none/cat.jpg' })
    expect([status, explained.status, explained.error.code]).toEqual([200, 400, 'no_such_bucket'])
    expect((await ask({})).status).toBe(400)
  })

  it('is not on the public listener', async () => {
    expect((await get(`${part.url}/explain?url=/media/cat.jpg`)).status).toBe(400)
  })
})
