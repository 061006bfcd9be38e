import { type Part, startCluster, startPart } from '../cluster.ts'
import { fetchAll, type Row, residentMemory } from './measure.ts'
import { createSetting, createWidths } from './setting.ts'

const requests = 10_000
const concurrency = 100
const rounds = 3

/** 10,000 requests at 100 concurrent, one in ten a miss, three times over. */
export async function measureMemory(): Promise<Row[]> {
  await using setting = await createSetting()
  const rows: Row[] = []
  {
    await using part = await startPart('serve', setting.config('memory-one'))
    rows.push(...(await run(part.url, { 'one process': part })))
  }
  await using cluster = await startCluster('distributed', setting.config('memory-many'))
  rows.push(...(await run(cluster.url, { gateway: cluster.gateway, worker: cluster.worker })))
  return rows
}

async function run(url: string, parts: Record<string, Part>): Promise<Row[]> {
  const measured = new Map(Object.keys(parts).map(name => [name, [] as { now: number; peak: number }[]]))
  const widths = createWidths()
  const crops = Array.from({ length: rounds * requests }, (_, i) => 60 + (i % 140))
  for (let round = 0; round < rounds; round++) {
    const misses = widths(requests / 10).map(
      (width, i) => `${url}/bench/photo.jpg?width=${width}&height=${crops[round * requests + i]}`,
    )
    await fetchAll(
      misses.flatMap(miss => [miss, ...Array.from({ length: 9 }, (_, i) => `${url}/bench/photo.jpg?width=${300 + i}`)]),
      concurrency,
    )
    for (const [name, { pid }] of Object.entries(parts)) measured.get(name)?.push(await residentMemory(pid))
  }
  return [...measured].map(([name, figures]) => ({
    what: `memory, ${name}`,
    against: `MiB after each of ${rounds} rounds of ${requests} requests; peak`,
    result: `${figures.map(({ now }) => now.toFixed(0)).join(', ')}; ${figures.at(-1)?.peak.toFixed(0)}`,
    target: 'no growth after the first',
    command: 'npm run bench -- memory',
  }))
}
