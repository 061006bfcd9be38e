import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'minio'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { startPart, withQueue } from '../cluster.ts'
import { type Ended, runCommand } from '../command.ts'
import { photo } from '../fixtures/images.ts'
import { startRedis } from '../servers/redis.ts'
import { startS3Server } from '../servers/s3.ts'
import { untilEqual } from '../until.ts'
import { get, metric } from './client.ts'
import { createSite, type Store } from './site.ts'

const picture = await photo(400, 300)
const site = await createSite({
  'media/cat.jpg': picture,
  'media/trip/beach & sea.jpg': picture,
  'media/trip/tower.jpg': picture,
  'spoiled/fine.jpg': picture,
  'spoiled/torn.jpg': picture.subarray(0, 2_000),
})

const transform = (bucket: string) => ({
  kind: 'presets',
  path: '^/(?P<presetName>small|large)/(?P<parent>.+)$',
  parentBucket: bucket,
  resultKey: 'hashParent',
  presets: { small: { filters: { thumbnail: { width: 40 } } }, large: { filters: { thumbnail: { width: 200 } } } },
})

/** A bucket of the site whose originals get `small` ahead. */
function bucketOf(store: Store, bucket: string): { server?: object; buckets: object } {
  return {
    buckets: {
      [bucket]: { storages: store.storages(), transform: transform(bucket), pregenerate: { presets: ['small'] } },
    },
  }
}

async function fileOf(config: object): Promise<string> {
  const folder = await mkdtemp(path.join(site.folder, 'config-'))
  const file = path.join(folder, 'mortise.yml')
  await writeFile(file, stringify(config))
  return file
}

/** The lines of its end, without the time that it took. */
const linesOf = ({ code, stdout }: Ended) => [
  code,
  stdout
    .replace(/ in \d+ \w+/, '')
    .trimEnd()
    .split('\n'),
]

describe('mortise warm with a queue in memory', () => {
  it('makes what is missing by itself, once', async () => {
    const store = await site.emptyStore()
    const file = await fileOf(bucketOf(store, 'media'))
    const first = await runCommand('warm', 'media', '--config', file)
    expect(linesOf(first)).toEqual([0, ['3 objects', '3 derivatives made, 0 were there']])
    expect(await store.count()).toBe(3)
    const second = await runCommand('warm', 'media', 'trip/', '--presets', 'small,large', '--config', file)
    expect(linesOf(second)).toEqual([0, ['2 objects', '2 derivatives made, 2 were there']])
    expect(await store.count()).toBe(5)
  })

  it('makes what a client would be given', async () => {
    const store = await site.emptyStore()
    const config = bucketOf(store, 'media')
    expect((await runCommand('warm', 'media', '--config', await fileOf(config))).code).toBe(0)
    await using part = await startPart('serve', config)
    expect((await get(`${part.url}/media/small/trip/beach%20%26%20sea.jpg`)).status).toBe(200)
    expect(await store.count()).toBe(3)
    expect((await get(`${part.internalUrl}/metrics`)).text).toMatch(/^mort_generation_time_count 0$/m)
  })

  it('only looks with --dry-run', async () => {
    const store = await site.emptyStore()
    const file = await fileOf(bucketOf(store, 'media'))
    const look = () => runCommand('warm', 'media', '--dry-run', '--config', file)
    expect(linesOf(await look())).toEqual([0, ['3 objects', '3 derivatives are missing, 0 are there']])
    expect(await store.count()).toBe(0)
    await runCommand('warm', 'media', 'trip', '--config', file)
    expect(linesOf(await look())).toEqual([0, ['3 objects', '1 derivatives are missing, 2 are there']])
  })

  it('lists what cannot be made, and ends with 1', async () => {
    const store = await site.emptyStore()
    const file = await fileOf(bucketOf(store, 'spoiled'))
    const ended = await runCommand('warm', 'spoiled', '--presets', 'small,large', '--config', file)
    expect(linesOf(ended)).toEqual([
      1,
      [
        '2 objects',
        '2 derivatives made, 0 were there',
        '2 derivatives could not be made:',
        expect.stringMatching(/^ {2}\/torn\.jpg: undecodable: .+ \(2 derivatives\)$/),
      ],
    ])
  })

  it.each([
    ['a folder below the originals', 'made'],
    ['the folder of the originals', ''],
  ])('takes no derivative for an original when they are in %s', async (_, pathPrefix) => {
    const rootPath = await mkdtemp(path.join(site.folder, 'mixed-'))
    for (const name of ['cat.jpg', 'trip/tower.jpg']) {
      await mkdir(path.join(rootPath, 'media', path.dirname(name)), { recursive: true })
      await writeFile(path.join(rootPath, 'media', name), picture)
    }
    const basic = { kind: 'local-meta', rootPath }
    const storages = { basic, transform: { ...basic, pathPrefix } }
    const media = { storages, transform: transform('media'), pregenerate: { presets: ['small'] } }
    const file = await fileOf({ buckets: { media } })
    const first = await runCommand('warm', 'media', '--config', file)
    expect(first.stdout).toContain('2 derivatives made, 0 were there')
    const second = await runCommand('warm', 'media', '--config', file)
    expect(linesOf(second)).toEqual([
      0,
      ['4 objects', '0 derivatives made, 2 were there', '2 objects are no pictures, or nothing is made of them'],
    ])
  })

  it('takes a folder as mortise serve does', async () => {
    const cache = await mkdtemp(path.join(site.folder, 'cache-'))
    const folder = path.join(site.folder, 'media')
    const warm = (...more: string[]) => runCommand('warm', folder, '--cache', cache, '--presets', 'thumb', ...more)
    expect(linesOf(await warm())).toEqual([0, ['3 objects', '3 derivatives made, 0 were there']])
    expect(linesOf(await warm('--dry-run'))).toEqual([0, ['3 objects', '0 derivatives are missing, 3 are there']])
  })

  it.each([
    ['a bucket that is not there', ['other'], 'no bucket has the name "other"'],
    [
      'a preset that is not there',
      ['media', '--presets', 'huge'],
      'presets: none is called "huge"; there are small, large',
    ],
    ['a cache beside a configuration', ['media', '--cache', '/tmp'], '--cache is for a folder'],
  ])('says what is wrong with %s', async (_, args, message) => {
    const file = await fileOf(bucketOf(await site.emptyStore(), 'media'))
    const { code, stderr, stdout } = await runCommand('warm', ...args, '--config', file)
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(message)])
  })
})

describe('mortise warm with a queue in Redis', () => {
  it('has the originals of S3 done by the workers that there are', async () => {
    const s3 = await startS3Server()
    await using redis = await startRedis()
    try {
      await Promise.all(['media', 'derivatives'].map(s3.createBucket))
      const client = clientOf(s3)
      const type = { 'content-type': 'image/jpeg' }
      for (let at = 0; at < 12; at++)
        await client.putObject('media', `trip/${at}.jpg`, Buffer.from(picture), undefined, type)
      const { endpoint, accessKey, secretAccessKey } = s3
      const storage = { kind: 's3', endpoint, accessKey, secretAccessKey, region: 'us-east-1' }
      const storages = { basic: storage, transform: { ...storage, bucket: 'derivatives' } }
      const media = { storages, transform: transform('media'), pregenerate: { presets: ['small', 'large'] } }
      const config = withQueue({ server: {}, buckets: { media } }, redis.url)
      const file = await fileOf(config)
      await using _worker = await startPart('worker', config)
      const lines = (made: number, there: number) => [
        0,
        ['12 objects', `${made} derivatives made, ${there} were there`],
      ]
      expect(linesOf(await runCommand('warm', 'media', '--config', file))).toEqual(lines(24, 0))
      expect(linesOf(await runCommand('warm', 'media', '--config', file))).toEqual(lines(0, 24))
    } finally {
      await s3.stop()
    }
  })

  it('can be interrupted and run again, and what is queued is made', async () => {
    await using redis = await startRedis()
    const store = await site.emptyStore()
    const config = withQueue(bucketOf(store, 'media'), redis.url)
    const file = await fileOf(config)
    await using gateway = await startPart('gateway', config)
    const run = start('warm', 'media', '--config', file)
    await untilEqual('the batches that wait', () => metric(gateway, 'mortise_batches_waiting'), 3)
    run.kill('SIGINT')
    expect(linesOf(await run.ended)).toEqual([
      130,
      [
        'interrupted after 0 of 3',
        '0 objects',
        '0 derivatives made, 0 were there',
        '3 originals are queued, and will be done all the same',
        'the same command goes on from there',
      ],
    ])
    await using _worker = await startPart('worker', config)
    await untilEqual('the derivatives', store.count, 3)
    const again = await runCommand('warm', 'media', '--config', file)
    expect(linesOf(again)).toEqual([0, ['3 objects', '0 derivatives made, 3 were there']])
  })

  it('goes on when Redis comes back without what was queued', async () => {
    await using redis = await startRedis()
    const store = await site.emptyStore()
    const config = withQueue(bucketOf(store, 'media'), redis.url)
    await using gateway = await startPart('gateway', config)
    const run = start('warm', 'media', '--config', await fileOf(config))
    await untilEqual('the batches that wait', () => metric(gateway, 'mortise_batches_waiting'), 3)
    await redis.restart()
    await using _worker = await startPart('worker', config)
    const { code, stdout } = await run.ended
    expect([code, await store.count()]).toEqual([0, 3])
    expect(stdout).toContain('3 derivatives made, 0 were there')
  })

  it('ends soon when Redis is away', async () => {
    const redis = await startRedis()
    await redis.stop()
    const file = await fileOf(withQueue(bucketOf(await site.emptyStore(), 'media'), redis.url))
    const { code, stdout } = await runCommand('warm', 'media', '--config', file)
    expect([code, stdout]).toEqual([1, ''])
  })
})

it('leaves its bar on a terminal, and nothing of it behind', async () => {
  const store = await site.emptyStore()
  const file = await fileOf(bucketOf(store, 'media'))
  const log = path.join(await mkdtemp(path.join(site.folder, 'terminal-')), 'log')
  const command = fileURLToPath(new URL('../../services/cli/bin/mortise', import.meta.url))
  await mkdir(path.dirname(log), { recursive: true })
  // The one usual program that lends a terminal to another.
  const { code } = await runIn('script', '-qefc', `${command} warm media --config ${file}`, log)
  const shown = await readFile(log, 'utf8')
  expect([code, shown]).toEqual([0, expect.stringMatching(/\r\x1b\[K3 objects in .*\r\n3 derivatives made/)])
})

/** `mortise`, to be interrupted. */
function start(...args: string[]) {
  const command = fileURLToPath(new URL('../../services/cli/bin/mortise', import.meta.url))
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const ended = new Promise<Ended>(resolve => child.once('close', code => resolve({ code, stdout, stderr })))
  return { kill: (signal: NodeJS.Signals) => child.kill(signal), ended }
}

async function runIn(command: string, ...args: string[]): Promise<{ code: number | null }> {
  const child = spawn(command, args, { stdio: 'ignore', timeout: 60_000 })
  return { code: await new Promise(resolve => child.once('close', resolve)) }
}

function clientOf({ endpoint, accessKey, secretAccessKey }: Awaited<ReturnType<typeof startS3Server>>): Client {
  const { hostname, port } = new URL(endpoint)
  return new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    region: 'us-east-1',
    accessKey,
    secretKey: secretAccessKey,
  })
}
