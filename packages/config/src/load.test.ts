import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, onTestFinished } from 'vitest'
import { ConfigError, type ConfigIssue, printIssue } from './issues.ts'
import { loadConfig, loadConfigFile } from './load.ts'
import { redact } from './redact.ts'

const options = { env: {}, baseDir: '/srv' }
const storages = 'storages: {basic: {kind: local, rootPath: data}, transform: {kind: memory}}'
const groups = '^/(?P<presetName>[a-z]+)/(?P<parent>.+)$'

/** A file with one bucket, of which `text` is the rest. */
function bucket(text: string): string {
  return `buckets: {media: {${storages}${text === '' ? '' : `, ${text}`}}}`
}

function load(text: string) {
  return loadConfig(text, options)
}

function mistakesOf(text: string): readonly ConfigIssue[] {
  try {
    load(text)
  } catch (error) {
    assert(error instanceof ConfigError)
    return error.issues
  }
  assert.fail('the file was accepted')
}

describe('loadConfig', () => {
  it('accepts an empty file', () => {
    const { config, warnings } = load('')
    assert.deepEqual(Object.keys(config.buckets), [])
    assert.deepEqual(config.server.listens, [{ host: null, port: 8080 }])
    assert.deepEqual(config.server.queue, {
      type: 'memory',
      maxWaiting: 1000,
      maxBackground: 10_000,
      attempts: 3,
      inlineBytes: 1_048_576,
      resultTtl: 60,
      lockDuration: 5000,
      stalledInterval: 2000,
    })
    assert.equal(config.server.cache.bytes, 268_435_456)
    assert.equal(config.server.cache.maxItemBytes, 10_485_760)
    assert.deepEqual(warnings, [])
  })

  it('freezes what it gives', () => {
    const { config } = load(bucket(''))
    assert.throws(() => Object.assign(config.buckets.media!.storages, { more: 1 }), TypeError)
    assert.throws(() => config.server.listens.push({ path: '/x' }), TypeError)
  })

  it('inherits no bucket', () => {
    assert.equal(load('').config.buckets.constructor, undefined)
  })

  it('takes the source text for a text', () => {
    const { config } = load(
      'headers: [{statusCodes: [200], values: {a: 1, b: yes, c: 1.10, d: ~, e: 0x1}}]\n' +
        'buckets: {on: {storages: {basic: {kind: sftp, sftpHost: files, sftpUsername: me, sftpPort: 22}}}}',
    )
    assert.deepEqual({ ...config.headers[0]?.values }, { a: '1', b: 'yes', c: '1.10', d: '', e: '0x1' })
    const storage = config.buckets.on?.storages.basic
    assert.equal(storage?.kind === 'sftp' && storage.sftpPort, '22')
  })

  it('takes nothing for the default', () => {
    const { config } = load(
      'server: {requestTimeout: ~, listens: ~, cache: , monitoring: "", idleCleanup: ~}\nlimits:\nheaders:',
    )
    assert.equal(config.server.requestTimeout, 60)
    assert.equal(config.server.idleCleanup, null)
    assert.deepEqual(config.headers, [])
  })

  it('takes 0 for the default where mort does', () => {
    const { server } = load('server: {requestTimeout: 0, cache: {maxCacheItemSizeMB: 0, cacheSize: 0}}').config
    assert.deepEqual([server.requestTimeout, server.cache.maxItemBytes], [60, 10_485_760])
  })

  it('takes the cache size of mort, which holds nothing, for no wish', () => {
    assert.equal(load('server: {cache: {cacheSize: 50000}}').config.server.cache.bytes, 268_435_456)
    assert.equal(load('server: {cache: {cacheSize: 60000}}').config.server.cache.bytes, 60_000)
  })

  it('starts relative folders from the base', () => {
    const storage = load(bucket('')).config.buckets.media?.storages.basic
    assert.equal(storage?.kind === 'local' && storage.rootPath, '/srv/data')
  })

  it.each([
    ['absolute', 'baseconfigpath: /b', '/s.tengo', {}, '/s.tengo'],
    ['below baseconfigpath', 'baseconfigpath: /b', 's.tengo', { MORT_CONFIG_DIR: '/m' }, '/b/s.tengo'],
    ['below MORT_CONFIG_DIR', '', 's.tengo', { MORT_CONFIG_DIR: '/m' }, '/m/s.tengo'],
    ['below configuration', '', 's.tengo', {}, '/srv/configuration/s.tengo'],
  ])('finds a script %s', (_, top, script, env, expected) => {
    const text = `${top}\n${bucket(`transform: {kind: tengo, tengoPath: ${script}}`)}`
    const { config } = loadConfig(text, { env, baseDir: '/srv' })
    assert.equal(config.buckets.media?.transform?.tengoPath, expected)
  })

  it('reads a script at once, and does not print it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'config-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const script = { path: join(folder, 's.js'), source: 'export default () => {}' }
    writeFileSync(script.path, script.source)
    const { config } = load(`baseconfigpath: ${folder}\n${bucket('transform: {kind: script, scriptPath: s.js}')}`)
    assert.deepEqual(config.buckets.media?.transform?.script, script)
    assert.ok(!JSON.stringify(redact(config)).includes(script.source))
  })

  it.each([
    ['query', '', 'hashParent'],
    ['presets-query', '', 'hashParent'],
    ['presets', '', 'path'],
    ['presets', 'hash', 'hash'],
    ['query', 'hashParent', 'hashParent'],
    ['query', 'other', 'path'],
  ])('stores results of %s with resultKey "%s" by %s', (kind, resultKey, expected) => {
    const text = bucket(`transform: {kind: ${kind}, path: "${groups}", resultKey: "${resultKey}"}`)
    assert.equal(load(text).config.buckets.media?.transform?.resultKey, expected)
  })

  it('compiles the path in the syntax of RE2', () => {
    const path = load(bucket(`transform: {kind: presets, path: "(?i)${groups}"}`)).config.buckets.media?.transform?.path
    assert(path)
    const match = path.matcher('/SMALL/trip/cat.jpg')
    assert(match.find())
    assert.deepEqual([match.group('presetName'), match.group('parent')], ['SMALL', 'trip/cat.jpg'])
  })
})

describe('the queue', () => {
  const address = (host: string, port = 6379) => ({ host, port, db: 0, tls: false })
  const rows: [name: string, server: string, expected: object][] = [
    ['is in memory by default', '', { type: 'memory' }],
    [
      'is where the lock is',
      'lock: {type: redis, address: ["r:1"]}',
      { type: 'redis', prefix: 'mortise', address: address('r', 1), setting: 'server.lock.address' },
    ],
    [
      'is on the cluster of the lock',
      'lock: {type: redis-cluster, address: [a, b]}',
      {
        type: 'redis-cluster',
        prefix: 'mortise',
        addresses: [address('a'), address('b')],
        setting: 'server.lock.address',
      },
    ],
    ['goes before the lock', 'lock: {type: redis, address: [r]}, queue: {type: memory}', { type: 'memory' }],
    [
      'has its own address',
      'lock: {type: redis, address: [r]}, queue: {address: [q]}',
      { type: 'redis', prefix: 'mortise', address: address('q'), setting: 'server.queue.address' },
    ],
    [
      'takes the address of the lock',
      'lock: {type: redis, address: [r]}, queue: {type: redis, prefix: p}',
      { type: 'redis', prefix: 'p', address: address('r'), setting: 'server.lock.address' },
    ],
    [
      'takes options of the client',
      'lock: {type: redis, address: ["redis://u@r/3"], clientConfig: {username: x, password: y, db: 1}}',
      {
        type: 'redis',
        prefix: 'mortise',
        address: { host: 'r', port: 6379, username: 'u', password: 'y', db: 3, tls: false },
        setting: 'server.lock.address',
      },
    ],
  ]
  it.each(rows)('%s', (_, server, expected) => {
    const { maxWaiting, maxBackground, attempts, inlineBytes, resultTtl, lockDuration, stalledInterval, ...backend } =
      load(`server: {${server}}`).config.server.queue
    assert.deepEqual(backend, expected)
  })
})

describe('mistakes', () => {
  const transform = (text: string) => bucket(`transform: {${text}}`)
  const rows: [name: string, text: string, path: string, message: RegExp][] = [
    ['no mapping at the top', 'just text', '', /a mapping, found "just text"/],
    ['a list for a mapping', 'server: []', 'server', /a mapping, found a list/],
    ['a mapping for a list', 'headers: {}', 'headers', /a list, found a mapping/],
    ['a text for a list', 'server: {listens: ":80"}', 'server.listens', /a list, found the text ":80"/],
    ['a list for a text', 'server: {logLevel: [debug]}', 'server.logLevel', /a text, found a list/],
    ['a number for a bool', 'server: {accessLogs: 1}', 'server.accessLogs', /true or false .*, found 1/],
    ['a quoted bool', 'server: {accessLogs: "yes"}', 'server.accessLogs', /without quotes, found the text "yes"/],
    [
      'a quoted number',
      'server: {requestTimeout: "5"}',
      'server.requestTimeout',
      /a whole number .*, found the text "5"/,
    ],
    ['a number out of range', 'server: {requestTimeout: -1}', 'server.requestTimeout', /at least 1, found -1/],
    [
      'a setting of ours out of range',
      'server: {worker: {threads: 5000}}',
      'server.worker.threads',
      /from 0 to 1024, found 5000/,
    ],
    ['an address', 'server: {listens: [":80", x]}', 'server.listens[1]', /host:port, :port or unix:\/path, found "x"/],
    [
      'the internal address among the public ones',
      'server: {internalListen: ":8080"}',
      'server.internalListen',
      /of its own/,
    ],
    [
      'the internal address among them in other words',
      'server: {listen: ":8082", internalListen: "0.0.0.0:8082"}',
      'server.internalListen',
      /of its own/,
    ],
    [
      'an address twice',
      'server: {listens: [":80", "127.0.0.1:81", "0.0.0.0:80"]}',
      'server.listens[2]',
      /another address than that of listens\[0\]/,
    ],
    ['the default internal address among them', 'server: {listens: [":8081"]}', 'server.internalListen', /of its own/],
    ['an unknown plugin', 'server: {plugins: {foo: ~}}', 'server.plugins.foo', /one of webp, avif, compress/],
    [
      'a plugin without settings',
      'server: {plugins: {compress: ~}}',
      'server.plugins.compress',
      /a mapping, found nothing/,
    ],
    [
      'an encoding without settings',
      'server: {plugins: {compress: {gzip: ~}}}',
      'server.plugins.compress.gzip',
      /a mapping, found nothing/,
    ],
    [
      'a level in words',
      'server: {plugins: {compress: {gzip: {level: best}}}}',
      'server.plugins.compress.gzip.level',
      /whole number/,
    ],
    [
      'a short idle time',
      'server: {idleCleanup: {enabled: true, idleTimeoutMin: 4}}',
      'server.idleCleanup.idleTimeoutMin',
      /5 minutes, found 4/,
    ],
    ['a cache without address', 'server: {cache: {type: redis}}', 'server.cache.address', /at least one address/],
    ['a lock without address', 'server: {lock: {type: redis-cluster}}', 'server.lock.address', /at least one address/],
    ['a queue without address', 'server: {queue: {type: redis}}', 'server.queue.address', /here or in server.lock/],
    [
      'another queue',
      'server: {queue: {type: rabbit}}',
      'server.queue.type',
      /one of memory, redis, redis-cluster, found "rabbit"/,
    ],
    [
      'a database in words',
      'server: {lock: {type: redis, address: [r], clientConfig: {db: x}}}',
      'server.lock.clientConfig.db',
      /number of a database/,
    ],
    [
      'a time for look-ups in words',
      'server: {cache: {type: redis, address: [r], clientConfig: {readTimeout: 5s}}}',
      'server.cache.clientConfig.readTimeout',
      /whole number from 1 to 60000/,
    ],
    [
      'too many retries',
      'server: {cache: {type: redis, address: [r], clientConfig: {maxRetries: 11}}}',
      'server.cache.clientConfig.maxRetries',
      /from 0 to 10/,
    ],
    [
      'encryption by another word',
      'server: {lock: {type: redis, address: [r], clientConfig: {tls: 1}}}',
      'server.lock.clientConfig.tls',
      /true or false/,
    ],
    ['a bucket named -', `buckets: {"-": {${storages}}}`, 'buckets.-', /another name/],
    ['a bucket with a slash', `buckets: {a/b: {${storages}}}`, 'buckets."a/b"', /without slashes/],
    ['a bucket named ..', `buckets: {..: {${storages}}}`, 'buckets.".."', /a name for the bucket/],
    ['a bucket without a name', `buckets: {"": {${storages}}}`, 'buckets.""', /a name for the bucket/],
    [
      'a bucket without storages',
      'buckets: {media: {}}',
      'buckets.media.storages.basic',
      /storage for originals, found nothing/,
    ],
    [
      'a bucket without basic',
      'buckets: {media: {storages: {x: {kind: noop}}}}',
      'buckets.media.storages.basic',
      /for originals/,
    ],
    [
      'a storage without kind',
      'buckets: {media: {storages: {basic: ~}}}',
      'buckets.media.storages.basic.kind',
      /one of local, .*found nothing/,
    ],
    [
      'another kind',
      'buckets: {media: {storages: {basic: {kind: ftp}}}}',
      'buckets.media.storages.basic.kind',
      /one of local, .*found "ftp"/,
    ],
    [
      'a storage with a slash',
      'buckets: {media: {storages: {basic: {kind: noop}, a/b: {kind: noop}}}}',
      'buckets.media.storages."a/b"',
      /a name for the storage/,
    ],
    [
      'local without rootPath',
      'buckets: {m: {storages: {basic: {kind: local}}}}',
      'buckets.m.storages.basic.rootPath',
      /kind local needs/,
    ],
    [
      'local-meta without rootPath',
      'buckets: {m: {storages: {basic: {kind: local-meta}}}}',
      'buckets.m.storages.basic.rootPath',
      /kind local-meta needs/,
    ],
    [
      'http without url',
      'buckets: {m: {storages: {basic: {kind: http}}}}',
      'buckets.m.storages.basic.url',
      /kind http needs/,
    ],
    [
      'http with a url that is none',
      'buckets: {m: {storages: {basic: {kind: http, url: nonsense}}}}',
      'buckets.m.storages.basic.url',
      /like https:\/\/host\/<container><item>/,
    ],
    [
      's3 with an endpoint that is no URL',
      'buckets: {m: {storages: {basic: {kind: s3, accessKey: a, secretAccessKey: s, endpoint: "http://a b"}}}}',
      'buckets.m.storages.basic.endpoint',
      /like https:\/\/host:port/,
    ],
    [
      's3 with a path behind its endpoint',
      'buckets: {m: {storages: {basic: {kind: s3, accessKey: a, secretAccessKey: s, endpoint: "http://minio/a"}}}}',
      'buckets.m.storages.basic.endpoint',
      /like https:\/\/host:port/,
    ],
    [
      'b2 with an endpoint that is no URL',
      'buckets: {m: {storages: {basic: {kind: b2, b2ApplicationKeyId: a, b2ApplicationKey: s, b2Endpoint: "//"}}}}',
      'buckets.m.storages.basic.b2Endpoint',
      /like https:\/\/host:port/,
    ],
    [
      's3 without a key',
      'buckets: {m: {storages: {basic: {kind: s3, secretAccessKey: s}}}}',
      'buckets.m.storages.basic.accessKey',
      /kind s3 needs/,
    ],
    [
      's3 without a secret',
      'buckets: {m: {storages: {basic: {kind: s3, accessKey: a}}}}',
      'buckets.m.storages.basic.secretAccessKey',
      /kind s3 needs/,
    ],
    ['a transform without kind', transform('path: x'), 'buckets.media.transform.kind', /one of query, .*found nothing/],
    ['another transform', transform('kind: magic'), 'buckets.media.transform.kind', /one of query, .*found "magic"/],
    ['presets without path', transform('kind: presets'), 'buckets.media.transform.path', /kind presets needs/],
    [
      'presets-query without path',
      transform('kind: presets-query'),
      'buckets.media.transform.path',
      /kind presets-query needs/,
    ],
    ['cloudinary without path', transform('kind: cloudinary'), 'buckets.media.transform.path', /kind cloudinary needs/],
    [
      'base64_presets without path',
      transform('kind: base64_presets'),
      'buckets.media.transform.path',
      /kind base64_presets needs/,
    ],
    [
      'presets without the group of the preset',
      transform('kind: presets, path: "(?P<parent>.*)"'),
      'buckets.media.transform.path',
      /groups \(\?P<presetName>…\)$/,
    ],
    [
      'presets without the group of the parent',
      transform('kind: presets, path: "(?P<presetName>.*)"'),
      'buckets.media.transform.path',
      /groups \(\?P<parent>…\)$/,
    ],
    ['a broken regexp', transform('kind: query, path: "(a"'), 'buckets.media.transform.path', /RE2/],
    ['a regexp that looks ahead', transform('kind: query, path: "(?=a)"'), 'buckets.media.transform.path', /RE2/],
    ['a script without path', transform('kind: script'), 'buckets.media.transform.scriptPath', /path of a script/],
    [
      'a script that is not there',
      transform('kind: script, scriptPath: no.js'),
      'buckets.media.transform.scriptPath',
      /nothing at \/srv\/configuration\/no\.js/,
    ],
    [
      'a script that is a folder',
      transform('kind: script, scriptPath: /'),
      'buckets.media.transform.scriptPath',
      /something else/,
    ],
    [
      'a storage that is not there',
      transform('kind: query, parentStorage: x'),
      'buckets.media.transform.parentStorage',
      /storage of this bucket, found "x"/,
    ],
    [
      'a bucket that is not there',
      transform('kind: query, parentBucket: x'),
      'buckets.media.transform.parentBucket',
      /a bucket, found "x"/,
    ],
    [
      'a tier',
      bucket('glacier: {restoreTier: Fast}'),
      'buckets.media.glacier.restoreTier',
      /Expedited, Standard or Bulk, found "Fast"/,
    ],
    [
      'too many days',
      bucket('glacier: {restoreDays: 31}'),
      'buckets.media.glacier.restoreDays',
      /from 1 to 30, found 31/,
    ],
    [
      'too few days',
      bucket('glacier: {restoreDays: -1}'),
      'buckets.media.glacier.restoreDays',
      /from 1 to 30, found -1/,
    ],
    [
      'a preset in words',
      transform(`kind: presets, path: "${groups}", presets: {s: {quality: high}}`),
      'buckets.media.transform.presets.s.quality',
      /a whole number, found "high"/,
    ],
    [
      'no number at all',
      transform(`kind: query, presets: {s: {filters: {blur: {sigma: .nan}}}}`),
      'buckets.media.transform.presets.s.filters.blur.sigma',
      /a number, found ".nan"/,
    ],
  ]
  it.each(rows)('%s', (_, text, path, message) => {
    const issues = mistakesOf(text)
    assert.deepEqual(
      issues.map(issue => issue.path),
      [path],
    )
    assert.match(issues[0]?.message ?? '', message)
  })

  it('are told all at once, and warnings apart from them', () => {
    const text = `
      server: { requestTimeout: soon, listens: [8080], plugins: { foo: ~ }, idleCleanup: { enabled: 1 } }
      typo: 1
      headers: [{ statusCodes: [ok] }]
      buckets:
        a/b: { storages: { basic: { kind: local } } }
        media:
          storages: { basic: { kind: s3, accessKey: a }, transform: [] }
          transform: { kind: presets, path: "(", parentBucket: none, presets: { small: { quality: "75" } } }`
    assert.deepEqual(mistakesOf(text).map(printIssue), [
      'buckets."a/b": expected a name for the bucket without slashes and control characters, found another',
      'buckets."a/b".storages.basic.rootPath: expected a text, which the kind local needs, found nothing',
      'buckets.media.storages.basic.secretAccessKey: expected a text, which the kind s3 needs, found nothing',
      'buckets.media.storages.transform: expected a mapping, found a list',
      'buckets.media.transform.parentBucket: expected the name of a bucket, found "none"',
      'buckets.media.transform.path: expected the groups (?P<presetName>…) and (?P<parent>…)',
      'buckets.media.transform.path: expected a regexp in the syntax of RE2: error parsing regexp: missing closing ): `(`',
      'buckets.media.transform.presets.small.quality: expected a whole number, found the text "75"',
      'headers[0].statusCodes[0]: expected a whole number, found "ok"',
      'server.idleCleanup.enabled: expected true or false (yes, no, on, off), without quotes, found 1',
      'server.listens[0]: expected host:port, :port or unix:/path, found 8080',
      'server.plugins.foo: expected one of webp, avif, compress, found another name',
      'server.requestTimeout: expected a whole number of at least 1, found "soon"',
    ])
  })

  it.each([
    ['beside wrong values', 'a: $GONE\nserver: {requestTimeout: soon, colour: blue}', ['line 1', 'a', 'server.colour']],
    ['beside what is no YAML', 'a: $GONE\nserver: "', ['line 1']],
  ])('keep the warnings %s', (_, text, paths) => {
    assert.throws(
      () => load(text),
      error => {
        assert(error instanceof ConfigError)
        assert.deepEqual(
          error.warnings.map(({ path }) => path),
          paths,
        )
        return true
      },
    )
  })

  it('stand on a line each of the message', () => {
    assert.throws(() => load('server: {requestTimeout: a, accessLogs: b}'), {
      code: 'invalid_config',
      message: /^server\.accessLogs: .*\nserver\.requestTimeout: .*$/,
    })
  })

  it.each([
    'server: {lock: {type: redis, address: ["redis://u:sekret@host:port"]}}',
    'server: {queue: {type: redis, address: ["sekret@host"]}}',
    'server: {lock: {type: redis, address: [r], clientConfig: {db: sekret}}}',
    bucket('keys: [{accessKey: a, secretAccessKey: [sekret]}]'),
    'server: {events: {secret: sekret}}',
    'server: {events: {secret: sekret with spaces in it}}',
    'buckets: {m: {storages: {basic: {kind: s3, secretAccessKey: sekret}}}}',
  ])('do not tell secrets: %s', text => {
    assert.doesNotMatch(mistakesOf(text).map(printIssue).join(), /sekret/)
  })

  it('include a text that is too long', () => {
    assert.throws(() => load('#'.repeat(600_000)), { code: 'invalid_config', message: /at most 524288 characters/ })
    assert.throws(() => loadConfig('$A', { env: { A: '#'.repeat(600_000) }, baseDir: '/' }), { code: 'invalid_config' })
  })
})

describe('warnings', () => {
  const preset = (text: string) => bucket(`transform: {kind: presets, path: "${groups}", presets: {s: {${text}}}}`)
  const s = 'buckets.media.transform.presets.s'
  const level = (coding: string) => `server.plugins.compress.${coding}.level`
  const rows: [name: string, text: string, path: string, message: RegExp][] = [
    ['an unknown setting', 'bukets: {}', 'bukets', /no setting/],
    [
      'an unknown setting further down',
      bucket('transform: {kind: query, order: 1}'),
      'buckets.media.transform.order',
      /no setting/,
    ],
    ['a variable that is not set', '#\n# $NOPE', 'line 2', /"NOPE" is not set/],
    ['a second document', 'server: {}\n---\nx: 1', 'line 2, column 1', /first document/],
    ['a cache that is none', 'server: {cache: {type: memcached}}', 'server.cache.type', /memory is used/],
    ['a monitoring that is none', 'server: {monitoring: statsd}', 'server.monitoring', /nothing is used/],
    [
      'an option of the server for the client',
      'server: {lock: {type: redis, address: [r], clientConfig: {maxmemory: 1}}}',
      'server.lock.clientConfig.maxmemory',
      /no effect/,
    ],
    [
      'an option of the cache for the queue',
      'server: {lock: {type: redis, address: [r], clientConfig: {readTimeout: 5}}}',
      'server.lock.clientConfig.readTimeout',
      /no effect/,
    ],
    [
      'more addresses than used',
      'server: {lock: {type: redis, address: [a, b]}}',
      'server.lock.address',
      /only the first/,
    ],
    [
      'more addresses of the queue',
      'server: {queue: {type: redis, address: [a, b]}}',
      'server.queue.address',
      /only the first/,
    ],
    [
      'cache and queue on one Redis',
      'server: {cache: {type: redis, address: ["redis://r:1/1"]}, queue: {type: redis, address: ["redis://u:p@r:1/2"]}}',
      'server.cache.address',
      /same Redis; one has to evict and the other must not/,
    ],
    [
      'cache and lock on one Redis',
      'server: {cache: {type: redis, address: [r]}, lock: {type: redis-cluster, address: [q, r]}}',
      'server.cache.address',
      /same Redis/,
    ],
    [
      'a level of gzip',
      'server: {plugins: {compress: {gzip: {level: 10}}}}',
      level('gzip'),
      /-2 to 9, found 10; the nearest/,
    ],
    ['a level of Brotli', 'server: {plugins: {compress: {brotli: {level: -1}}}}', level('brotli'), /0 to 11, found -1/],
    [
      'a level of Zstandard',
      'server: {plugins: {compress: {zstd: {level: 0}}}}',
      level('zstd'),
      /found 0; the default/,
    ],
    [
      'a header with another name than there can be',
      'headers: [{statusCodes: [200], values: {"X Y": 1}}]',
      'headers[0].values."X Y"',
      /no name of a header/,
    ],
    [
      'a header of two lines',
      'headers: [{statusCodes: [200], values: {X-Y: "a\\r\\nb: c"}}]',
      'headers[0].values.X-Y',
      /line break/,
    ],
    ['a header beyond Latin-1', bucket('headers: {X-Y: "\u20ac"}'), 'buckets.media.headers.X-Y', /outside of Latin-1/],
    [
      'a status with two rules',
      'headers: [{statusCodes: [200, 404]}, {statusCodes: [404, 500]}]',
      'headers[1].statusCodes',
      /no effect on 404, for which headers\[0\] stands/,
    ],
    ['an address for memory', 'server: {queue: {type: memory, address: [a]}}', 'server.queue.address', /no effect/],
    ['a dashboard of memory', 'server: {dashboard: yes}', 'server.dashboard', /no effect.*in memory/],
    ['the wait limit of mort', 'server: {lockTimeout: 5}', 'server.lockTimeout', /requestTimeout/],
    [
      'the concurrency of mort',
      'server: {concurrentImageProcessing: 5}',
      'server.concurrentImageProcessing',
      /worker.threads/,
    ],
    [
      'a script in Tengo',
      bucket('transform: {kind: tengo, tengoPath: parse.tengo}'),
      'buckets.media.transform.kind',
      /the kind script and scriptPath in place of tengoPath/,
    ],
    [
      'a path without groups, for cloudinary',
      bucket('transform: {kind: cloudinary, path: x}'),
      'buckets.media.transform.path',
      /\?P<transformations>/,
    ],
    [
      'no place for derivatives',
      'buckets: {m: {storages: {basic: {kind: noop}}, transform: {kind: query}}}',
      'buckets.m.transform',
      /storages.transform is missing/,
    ],
    [
      'a path without groups',
      bucket('transform: {kind: presets-query, path: x}'),
      'buckets.media.transform.path',
      /no URL names a preset/,
    ],
    ['a quality', preset('quality: 101'), `${s}.quality`, /1 to 100, found 101; has no effect/],
    ['an angle', preset('filters: {rotate: {angle: 45}}'), `${s}.filters.rotate.angle`, /has no effect/],
    ['a gravity', preset('filters: {crop: {gravity: up}}'), `${s}.filters.crop.gravity`, /smart is used/],
    ['a format', preset('format: bmp'), `${s}.format`, /jpeg, .*every request for this preset is refused/],
    ['a sigma', preset('filters: {blur: {sigma: 101}}'), `${s}.filters.blur.sigma`, /found 101; every request/],
    ['no sigma', preset('filters: {blur: {}}'), `${s}.filters.blur.sigma`, /found 0; every request/],
    [
      'a negative size',
      preset('filters: {thumbnail: {width: -1}}'),
      `${s}.filters.thumbnail.width`,
      /found -1; every request/,
    ],
    ['a negative area', preset('filters: {extract: {top: -1}}'), `${s}.filters.extract.top`, /found -1; every request/],
    [
      'an account without its key',
      'buckets: {m: {storages: {basic: {kind: azure, azureAccount: me}}}}',
      'buckets.m.storages.basic.azureKey',
      /the kind azure needs it: every request to this storage fails/,
    ],
    [
      'no address of b2',
      'buckets: {m: {storages: {basic: {kind: b2, b2ApplicationKeyId: id, b2ApplicationKey: key}}}}',
      'buckets.m.storages.basic.b2Region',
      /so is b2Endpoint/,
    ],
  ]
  it.each(rows)('%s', (_, text, path, message) => {
    const { warnings } = load(text)
    assert.deepEqual(
      warnings.map(warning => warning.path),
      [path],
    )
    assert.match(warnings[0]?.message ?? '', message)
  })

  it('are none for a file that says no more than it means', () => {
    const presets =
      'presets: {s: {quality: 0, format: jpg, filters: {rotate: {angle: 0}, crop: {width: 5}, auto_rotate: no}}}'
    assert.deepEqual(load(bucket(`transform: {kind: presets-query, path: "${groups}", ${presets}}`)).warnings, [])
  })
})

describe('loadConfigFile', () => {
  it('says in one line that a file cannot be read', () => {
    assert.throws(() => loadConfigFile('/nowhere/mort.yml', {}), {
      code: 'invalid_config',
      message: 'cannot read the configuration /nowhere/mort.yml (ENOENT)',
    })
    assert.throws(() => loadConfigFile('/', {}), { code: 'invalid_config', message: /\(EISDIR\)$/ })
  })

  it('reads a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mortise-config-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'mort.yml'), 'server: {listen: "$HOST:80"}')
    const { config } = loadConfigFile(join(folder, 'mort.yml'), { HOST: 'h' })
    assert.deepEqual(config.server.listens, [{ host: 'h', port: 80 }])
  })
})
