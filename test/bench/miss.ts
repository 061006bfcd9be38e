import { startCluster, startPart } from '../cluster.ts'
import { type Child, startChild } from './child.ts'
import { fetchAll, fetchOnce, median, pairedRatios, printRatios, type Row } from './measure.ts'
import { createSetting, createWidths, type Setting, threads } from './setting.ts'

const rounds = 7
/** All rounds together ask for fewer widths than there are. */
const derivatives = 72

/** Distinct widths of a 6-megapixel JPEG, against a bare loop over sharp with the same threads and settings. */
export async function measureMisses(): Promise<Row[]> {
  await using setting = await createSetting()
  await using loop = startChild('./bare-loop.ts', [setting.original, String(threads)])
  await using embedded = await startPart('serve', setting.config('embedded'))
  const one = await against(loop, embedded.url)
  await embedded.stop()
  await using cluster = await startCluster('distributed', setting.config('distributed'))
  const many = await against(loop, cluster.url)
  return [
    {
      what: 'miss, one process',
      against: 'bare loop, derivatives/s',
      result: printRatios(one),
      target: '0.95',
      command: 'npm run bench -- miss',
    },
    {
      what: 'miss, gateway, worker, Redis',
      against: 'bare loop, derivatives/s',
      result: printRatios(many),
      target: '0.88',
      command: 'npm run bench -- miss',
    },
    await measureLatency(setting),
  ]
}

function against(loop: Child, url: string): Promise<number[]> {
  const ours = createWidths()
  const bare = createWidths()
  return pairedRatios(
    rounds,
    async () => {
      const urls = ours(derivatives).map(width => `${url}/bench/photo.jpg?width=${width}`)
      const started = performance.now()
      // Twice as many clients as threads: somebody always waits, so that no thread does.
      await fetchAll(urls, threads * 2)
      return (derivatives * 1000) / (performance.now() - started)
    },
    async () => Number(await loop.ask(JSON.stringify(bare(derivatives)))),
  )
}

/** One request at a time, in turn through one process and through the cluster. */
async function measureLatency(setting: Setting): Promise<Row> {
  await using embedded = await startPart('serve', setting.config('latency-one'))
  await using cluster = await startCluster('distributed', setting.config('latency-many'))
  const added: number[] = []
  for (let width = 200; width < 280; width++) {
    const path = `/bench/photo.jpg?width=${width}`
    const [first, second] = width % 2 === 0 ? [embedded.url, cluster.url] : [cluster.url, embedded.url]
    const a = (await fetchOnce(first + path)).ms
    const b = (await fetchOnce(second + path)).ms
    if (width >= 210) added.push(width % 2 === 0 ? b - a : a - b)
  }
  const result = `${median(added).toFixed(1)} ms (median of ${added.length} pairs)`
  return {
    what: 'miss, latency added by the cluster',
    against: 'one process, low load',
    result,
    target: '5 ms',
    command: 'npm run bench -- miss',
  }
}
