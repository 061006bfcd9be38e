import { link, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { loadConfig } from '@mortise/config'
import { createPlanner, groupByOriginal } from '@mortise/plan'
import { createBullBatches } from '@mortise/queue/batches/bullmq'
import { stringify } from 'yaml'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { type RedisServer, startRedis } from '../servers/redis.ts'
import { fetchOnce, median, pairedRatios, printRatios, type Row, readMetric } from './measure.ts'
import { createSetting, createWidths, type Setting } from './setting.ts'

const rounds = 7
const misses = 20
const originals = 10_000
const command = 'npm run bench -- background'
/** A worker that stands still for a round keeps its batches. */
const patience = { prefix: 'bench', lockDuration: 600_000, stalledInterval: 600_000 }

/** One miss after the other, with nothing to be made ahead and with 10,000 originals that wait for it. */
export async function measureBackground(): Promise<Row[]> {
  await using setting = await createSetting()
  await using quiet = await startSide(setting, 'quiet')
  await using busy = await startSide(setting, 'busy')
  await fill(setting, busy)
  const taken: Record<'quiet' | 'busy', number[]> = { quiet: [], busy: [] }
  const ratios = await pairedRatios(
    rounds,
    async () => {
      const times = await measureMisses(busy)
      taken.busy.push(...times)
      return median(times)
    },
    async () => {
      busy.worker.kill('SIGSTOP')
      const times = await measureMisses(quiet).finally(() => busy.worker.kill('SIGCONT'))
      taken.quiet.push(...times)
      return median(times)
    },
  )
  const left = await readMetric(busy.gateway.internalUrl, 'mortise_batches_waiting')
  const [slow, fast] = [taken.busy, taken.quiet].map(times => ({ middle: median(times), late: p95(times) }))
  if (!slow || !fast) return []
  const what = `miss, ${originals} originals wait to be made ahead (${left} in the end)`
  const print = (a: number, b: number) => `${a.toFixed(0)} ms, ${b.toFixed(0)} ms without`
  return [
    { what, against: 'none waits: latency, median', result: printRatios(ratios), target: '1', command },
    { what, against: 'latency, median', result: print(slow.middle, fast.middle), target: 'none', command },
    { what, against: 'latency, 95th percentile', result: print(slow.late, fast.late), target: 'none', command },
  ]
}

type Side = AsyncDisposable & { redis: RedisServer; gateway: Part; worker: Part; config: object; widths: Widths }
type Widths = ReturnType<typeof createWidths>

async function startSide(setting: Setting, name: string): Promise<Side> {
  const stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const { server, buckets, ...rest } = setting.config(name) as {
    server: object
    buckets: { bench: { storages: object } }
  }
  const { storages } = buckets.bench
  const preset = (width: number) => ({ filters: { thumbnail: { width } } })
  const presets = { large: preset(1024), medium: preset(640), small: preset(320) }
  const transform = { kind: 'presets', path: '^/(?P<presetName>large|medium|small)/(?P<parent>.+)$', presets }
  const ahead = {
    storages,
    transform: { ...transform, parentBucket: 'ahead' },
    pregenerate: { presets: Object.keys(presets) },
  }
  const config = withQueue({ ...rest, server, buckets: { ...buckets, ahead } }, redis.url, patience)
  const gateway = stack.use(await startPart('gateway', config))
  const worker = stack.use(await startPart('worker', config))
  return { redis, gateway, worker, config, widths: createWidths(), [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** As many names of one photograph, each an original. */
async function fill({ folder, original }: Setting, { redis, config }: Side): Promise<void> {
  await mkdir(path.join(folder, 'ahead'))
  const planner = createPlanner(loadConfig(stringify(config), { env: {}, baseDir: folder }).config)
  const { host, port } = redis
  await using batches = createBullBatches({
    ...{ ...patience, maxBackground: originals, attempts: 3 },
    connection: { type: 'redis', nodes: [{ host, port }] },
  })
  const names = Array.from({ length: originals }, (_, nth) => `${nth}.jpg`)
  for (let at = 0; at < originals; at += 100) {
    await Promise.all(
      names.slice(at, at + 100).map(async name => {
        await link(original, path.join(folder, 'ahead', name))
        const found = planner.pregenerated({ storage: 'ahead/basic', bucket: 'ahead', key: `/${name}` })
        for (const batch of groupByOriginal(found)) await batches.add(batch)
      }),
    )
  }
}

async function measureMisses({ gateway, widths }: Side): Promise<number[]> {
  const times: number[] = []
  for (const width of widths(misses)) {
    const { status, ms } = await fetchOnce(`${gateway.url}/bench/photo.jpg?width=${width}`)
    if (status !== 200) throw new Error(`a miss was answered with ${status}`)
    times.push(ms)
  }
  return times
}

function p95(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? Number.NaN
}
