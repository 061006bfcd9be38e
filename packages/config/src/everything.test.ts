import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'vitest'
import { describeConfig } from './describe.ts'
import { loadConfig } from './load.ts'
import { redact } from './redact.ts'
import { Scalar } from './scalar.ts'
import type { Tree } from './tree.ts'
import { parseYaml } from './yaml.ts'

const text = readFileSync(new URL('../fixtures/everything.yml', import.meta.url), 'utf8')
const env = { SECRET: 'sekret-1', REDIS_PASSWORD: 'sekret-2' }
const load = () => loadConfig(text, { env, baseDir: '/srv' })

describe('a file with every setting', () => {
  it('has every setting that is described, and no other', () => {
    const described = describeConfig().map(({ path }) => path)
    assert.deepEqual([...new Set(described)], described)
    const leaves = described.filter(
      path => !described.some(other => /^[.[]/.test(other.slice(path.length)) && other.startsWith(path)),
    )
    assert.deepEqual(
      leaves.filter(path => !exists(parseYaml(text).tree, path.split('.'))),
      [],
    )
  })

  it('loads with a warning for each thing that does not act', () => {
    assert.deepEqual(
      load().warnings.map(({ path }) => path),
      [
        'buckets.cloud.storages.basic.order',
        'buckets.media.storages.basic.HTTPTracing',
        'server.cache.clientConfig.maxmemory',
        'server.concurrentImageProcessing',
        'server.idleCleanup.enabled',
        'server.lockTimeout',
      ],
    )
  })

  it('gives the server what it says', () => {
    const { cache, queue, plugins, ...server } = load().config.server
    assert.deepEqual(server, {
      listens: [{ host: null, port: 8080 }, { host: '::1', port: 8090 }, { path: '/run/mortise.sock' }],
      internalListen: { host: '127.0.0.1', port: 8081 },
      logLevel: 'debug',
      accessLogs: true,
      monitoring: 'prometheus',
      requestTimeout: 70,
      dashboard: true,
      events: { secret: 'events-sekret-0123' },
      placeholder: '/srv/placeholder.jpg',
      maxFileSize: 104_857_600,
      worker: { threads: 4, graceSeconds: 20, sourceTimeout: 5 },
      idleCleanup: { idleTimeoutMin: 5, aggressiveGC: true },
    })
    assert.deepEqual(cache, {
      type: 'redis',
      addresses: [
        { host: 'cache-1', port: 6379, db: 0, tls: false },
        { host: 'cache-2', port: 6379, db: 0, tls: false },
      ],
      bytes: 268_435_456,
      maxItemBytes: 5_242_880,
      ttl: 30,
      minUseCount: 3,
      client: { connectTimeout: 2000, readTimeout: 100, writeTimeout: 2000, maxRetries: 1 },
    })
    assert.deepEqual(queue, {
      type: 'redis',
      prefix: 'images',
      address: { host: 'queue', port: 6380, username: 'mortise', password: 'sekret-2', db: 2, tls: true },
      setting: 'server.queue.address',
      maxWaiting: 200,
      maxBackground: 500,
      attempts: 2,
      inlineBytes: 65_536,
      resultTtl: 30,
      lockDuration: 10_000,
      stalledInterval: 5000,
    })
    assert.equal(plugins.webp, true)
    assert.deepEqual(plugins.compress?.zstd, { types: ['text/css'], level: 3 })
  })

  it('gives the rules for strangers', () => {
    const { config } = load()
    assert.deepEqual(config.security, {
      fetch: { networks: ['10.0.0.0/8', 'fd00::/8'], bytes: 1_048_576, timeout: 5, redirects: 1 },
      svg: 'refuse',
      anyRegion: true,
      debugHeaders: false,
    })
    const { mortKeys, keepFormat, compat } = config.buckets.media?.transform ?? {}
    assert.deepEqual(
      { mortKeys, keepFormat, compat },
      {
        mortKeys: true,
        keepFormat: true,
        compat: ['watermark-position', 'merge-sets'],
      },
    )
  })

  it('gives a bucket what is made ahead, and a path its way back', () => {
    const { pregenerate, transform } = load().config.buckets.media ?? {}
    assert.deepEqual(pregenerate, { presets: ['everything'], formats: ['webp', 'avif'] })
    assert.deepEqual(transform?.presetKeys?.forms, [
      [{ text: '/' }, { group: 'presetName' }, { text: '/' }, { group: 'parent' }],
    ])
  })

  it('gives a preset what it says and what it merges', () => {
    const { on, everything } = load().config.buckets.media?.transform?.presets ?? {}
    assert.deepEqual(on, {
      quality: 75,
      format: 'webp',
      filters: {
        thumbnail: { width: 100, height: 70, mode: 'outbound', preserveAspectRatio: true, fill: false, enlarge: false },
        crop: null,
        extract: null,
        resizeCropAuto: null,
        blur: null,
        watermark: null,
        rotate: null,
        interlace: true,
        strip: true,
        grayscale: false,
      },
    })
    assert.equal(everything?.quality, 75)
    assert.deepEqual(everything.filters, {
      thumbnail: on?.filters.thumbnail,
      crop: { width: 640, height: 360, gravity: 'smart', mode: 'outbound', embed: true },
      extract: { width: 10, height: 20, top: 30, left: 40 },
      resizeCropAuto: { width: 100, height: 100 },
      blur: { sigma: 5, minAmpl: 0.5 },
      watermark: { image: 'https://example.com/logo.png', position: 'top-left', opacity: 0.5 },
      rotate: { angle: 90 },
      interlace: true,
      strip: true,
      grayscale: true,
    })
  })

  it('gives a storage the settings of its kind', () => {
    const { basic, transform, transforms, google } = load().config.buckets.media?.storages ?? {}
    assert.deepEqual(
      { ...basic, headers: { ...basic?.headers } },
      {
        kind: 's3',
        pathPrefix: '',
        bucket: 'originals',
        headers: { 'x-amz-acl': 'private' },
        accessKey: 'minio',
        secretAccessKey: 'sekret-1',
        region: 'eu-west-1',
        endpoint: 'http://minio:9000',
        HTTPTracing: true,
      },
    )
    assert.equal(transform?.kind === 'local-meta' && transform.rootPath, '/srv/data')
    assert.equal(transforms?.pathPrefix, 'transforms')
    assert.deepEqual(google?.kind === 'google' && google.googleScopes, ['a', 'b'])
  })

  it('can be printed without its secrets', () => {
    const printed = JSON.stringify(redact(load().config))
    assert.doesNotMatch(printed, /sekret/)
    assert.equal(printed.match(/"\*\*\*"/g)?.length, 13)
    assert(printed.includes('(?P<presetName>'), 'a regexp is told as text')
    assert(printed.includes('"accessKey":"minio"'), 'an access key is told')
  })
})

describe('redact', () => {
  it('hides user, password and query of a URL', () => {
    const file = 'buckets: {m: {storages: {basic: {kind: http, url: "https://u:sekret@h/<item>?sig=sekret"}}}}'
    const printed = JSON.stringify(redact(loadConfig(file, { env: {}, baseDir: '/' }).config))
    assert(printed.includes('"url":"https://***@h/<item>?***"'), printed)
  })

  it('leaves the configuration as it is', () => {
    const { config } = load()
    redact(config)
    assert.equal(config.buckets.media?.keys[0]?.secretAccessKey, 'sekret-1')
  })
})

describe('describeConfig', () => {
  it('tells type, default and meaning of a setting', () => {
    assert.deepEqual(
      describeConfig().find(({ path }) => path === 'limits.outputSide'),
      {
        path: 'limits.outputSide',
        type: 'int',
        default: '8192',
        description: 'Pixels of either side of a derivative.',
      },
    )
  })

  it('stands * for names and [] for items', () => {
    const paths = describeConfig().map(({ path }) => path)
    for (const path of ['buckets.*.storages.*.kind', 'buckets.*.keys[].accessKey', 'headers[].statusCodes']) {
      assert(paths.includes(path), path)
    }
  })

  it('says something of every setting', () => {
    assert.deepEqual(
      describeConfig().filter(({ description }) => !/^.+[.?]$/.test(description)),
      [],
    )
  })
})

/** Whether the file has a setting at this path of a description, under any name. */
function exists(tree: Tree | undefined, [part, ...rest]: string[]): boolean {
  if (part === undefined) return tree !== undefined
  if (tree === undefined || tree instanceof Scalar) return false
  if (Array.isArray(tree)) return tree.some(item => exists(item, [part, ...rest]))
  const name = part.replace('[]', '')
  return name === '*' ? Object.values(tree).some(inner => exists(inner, rest)) : exists(tree[name], rest)
}
