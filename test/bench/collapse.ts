import { startPart, withQueue } from '../cluster.ts'
import { startRedis } from '../servers/redis.ts'
import { fetchAll, type Row, readMetric } from './measure.ts'
import { createSetting, createWidths } from './setting.ts'

const storms = 5
const requests = 1000

/** 1,000 simultaneous requests for one new derivative, over two gateways. */
export async function measureCollapse(): Promise<Row[]> {
  await using setting = await createSetting()
  const redis = await startRedis()
  try {
    const config = withQueue(setting.config('collapse'), redis.url)
    await using one = await startPart('gateway', config)
    await using two = await startPart('gateway', config)
    await using worker = await startPart('worker', config)
    const renders: number[] = []
    for (const width of createWidths()(storms)) {
      const before = await readMetric(worker.internalUrl, 'mort_generation_time_count')
      const urls = Array.from(
        { length: requests },
        (_, i) => `${i % 2 ? one.url : two.url}/bench/photo.jpg?width=${width}`,
      )
      await fetchAll(urls, requests)
      renders.push((await readMetric(worker.internalUrl, 'mort_generation_time_count')) - before)
    }
    return [
      {
        what: `collapse, ${requests} requests at once`,
        against: `renders in each of ${storms} storms`,
        result: renders.join(', '),
        target: '1',
        command: 'npm run bench -- collapse',
      },
    ]
  } finally {
    await redis.stop()
  }
}
