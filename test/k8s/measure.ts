/**
 * `node test/k8s/measure.ts`: what a fleet is sized by. One gateway and one worker with two threads over a real Redis and
 * MinIO; processor time and memory are what Linux says of each process, so that other load on the machine counts little.
 */
import { readFile } from 'node:fs/promises'
import { Client } from 'minio'
import { fetchAll, residentMemory } from '../bench/measure.ts'
import { createWidths } from '../bench/setting.ts'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { startRedis } from '../servers/redis.ts'
import { startS3Server } from '../servers/s3.ts'

const threads = 2
/** As in a pod: what `limits.memory` comes to with 2 GiB, and what its environment says. */
const memory = 2 ** 30
const env = { UV_THREADPOOL_SIZE: '8' }
const clients = threads * 3

const s3 = await startS3Server()
await using redis = await startRedis()
try {
  const config = await prepare()
  await using gateway = await startPart('gateway', withQueue(config, redis.url), env)
  await using worker = await startPart('worker', withQueue(config, redis.url), env)
  await memoryRow('idle', gateway, worker)

  const widths = createWidths()
  const misses = (key: string, count: number, more = '') =>
    widths(count).map(width => `${gateway.url}/media/${key}?width=${width}${more}`)
  await fetchAll(misses('6.jpg', 20), clients)

  await cost('misses: JPEG of 6 megapixels to JPEG', misses('6.jpg', 200))
  await cost('misses: JPEG of 6 megapixels to WebP', misses('6.jpg', 100, '&format=webp'))
  await cost('misses: JPEG of 6 megapixels to AVIF', misses('6.jpg', 40, '&format=avif'))
  await cost('misses: JPEG of 24 megapixels to JPEG', misses('24.jpg', 60))
  const stored = misses('6.jpg', 100)
  await fetchAll(stored, clients)
  await cost('hits in the storage', Array.from({ length: 20 }, () => stored).flat())
  const cached = stored.slice(0, 20).map(url => url.replace('/media/', '/cached/'))
  await fetchAll(cached, clients)
  await cost('hits in memory', Array.from({ length: 500 }, () => cached).flat())
  await memoryRow('after that', gateway, worker)

  // The most that a worker is to hold: large pictures, large results, more clients than it takes jobs.
  const heavy = ['png', 'webp', 'jpeg', 'tiff'].flatMap(format =>
    Array.from({ length: 8 }, (_, i) => `${gateway.url}/media/24.jpg?width=${3000 + i * 10}&format=${format}`),
  )
  await fetchAll(heavy, heavy.length)
  await memoryRow('32 renders of 24 megapixels to 3000 px and more at once', gateway, worker)

  async function cost(what: string, urls: string[]): Promise<void> {
    const before = await Promise.all([gateway, worker].map(processorTime))
    const started = performance.now()
    await fetchAll(urls, clients)
    const seconds = (performance.now() - started) / 1000
    const after = await Promise.all([gateway, worker].map(processorTime))
    const [front = 0, back = 0] = after.map((used, i) => used - before[i]!)
    const each = (used: number) => `${((used * 1000) / urls.length).toFixed(2)} ms`
    const perCore = back > 0.1 ? `, ${(urls.length / back).toFixed(1)} derivatives per second and core` : ''
    console.log(
      `${what}: gateway ${each(front)}, worker ${each(back)}${perCore}; ${(urls.length / seconds).toFixed(0)}/s`,
    )
  }
} finally {
  await s3.stop()
}

async function prepare(): Promise<object> {
  const { hostname, port } = new URL(s3.endpoint)
  const keys = { accessKey: s3.accessKey, secretKey: s3.secretAccessKey }
  const client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, region: 'us-east-1', ...keys })
  await s3.createBucket('media')
  const type = { 'content-type': 'image/jpeg' }
  await client.putObject('media', '6.jpg', Buffer.from(await photo(3000, 2000)), undefined, type)
  await client.putObject('media', '24.jpg', Buffer.from(await photo(6000, 4000)), undefined, type)
  const { endpoint, accessKey, secretAccessKey } = s3
  const place = { kind: 's3', endpoint, accessKey, secretAccessKey, bucket: 'media' }
  const bucket = {
    storages: { basic: place, transform: { ...place, pathPrefix: 'derivatives' } },
    transform: { kind: 'query' },
  }
  const maxAge = (seconds: number) => ({ headers: { 'cache-control': `public, max-age=${seconds}` } })
  const buckets = { media: { ...bucket, ...maxAge(0) }, cached: { ...bucket, ...maxAge(3600) } }
  return { server: { requestTimeout: 600, worker: { threads } }, limits: { memory, renderSeconds: 120 }, buckets }
}

/** Seconds of processor time that a process has used, as proc_pid_stat(5) has it. */
async function processorTime({ pid }: Part): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may contain spaces; user and system time are fields 14 and 15, in hundredths of a second.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function memoryRow(when: string, ...parts: Part[]): Promise<void> {
  for (const { role, pid } of parts) {
    const { now, peak } = await residentMemory(pid)
    console.log(`${when}: ${role} ${now.toFixed(0)} MiB, at most ${peak.toFixed(0)} MiB`)
  }
}
