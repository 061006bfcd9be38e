import { describe, expect, it } from 'vitest'
import { startPart, withQueue } from '../cluster.ts'
import { flat, photo } from '../fixtures/images.ts'
import { resultOf } from '../observe.ts'
import { startOrigin } from '../servers/origin.ts'
import { startRedis } from '../servers/redis.ts'
import { get, metric, pictureOf } from '../specs/client.ts'
import { createSite } from '../specs/site.ts'
import { until, untilEqual } from '../until.ts'

/** A dead worker is noticed soon; the time limit of a render leaves room for a busy machine. */
const soon = { lockDuration: 1_000, stalledInterval: 300 }
const patient = { server: { worker: { threads: 2 } }, limits: { renderSeconds: 120 } }

describe('a worker that is killed', async () => {
  const site = await createSite({
    'photos/small.jpg': await photo(300, 200),
    'photos/large.jpg': await flat('jpeg', 4000, 3000),
  })
  const store = await site.emptyStore()

  it('in the middle of renders costs their clients nothing but time', async () => {
    await using redis = await startRedis()
    const buckets = { photos: { storages: store.storages(), transform: { kind: 'query' } } }
    const config = withQueue({ ...patient, buckets }, redis.url, soon)
    await using gateway = await startPart('gateway', config)
    await using worker = await startPart('worker', config)
    // Seconds of work each, so that the worker dies while it is at it.
    const slow = [99, 100].map(sigma => get(`${gateway.url}/photos/large.jpg?operation=blur&sigma=${sigma}`))
    await untilEqual('both renders to run', () => metric(worker, 'mortise_renders_running'), 2)
    const others = [10, 20, 30].map(width => get(`${gateway.url}/photos/small.jpg?width=${width}`))
    worker.kill('SIGKILL')
    expect(await worker.ended).toBe('SIGKILL')
    await using successor = await startPart('worker', config)
    const sizes = (await Promise.all([...slow, ...others].map(async answer => pictureOf(await answer)))).map(
      ({ status, size }) => `${status} ${size}`,
    )
    expect(sizes).toEqual(['200 4000x3000', '200 4000x3000', '200 10x7', '200 20x13', '200 30x20'])
    await untilEqual('the work to end', () => metric(successor, 'mortise_jobs_in_hand'), 0)
    expect(await store.count()).toBe(5)
    expect(await metric(successor, 'mort_generation_time_count')).toBe(5)
  })

  it('twice by the same job gets that job refused, and no third worker is harmed', async () => {
    await using redis = await startRedis()
    await using origin = await startOrigin()
    for (const name of ['/photos/bad.jpg', '/photos/good.jpg']) origin.put(name, await photo(300, 200))
    origin.behave(request => (request.endsWith('/bad.jpg') ? 'hold' : 'answer'))
    const storages = { ...store.storages(), basic: origin.storage }
    const config = withQueue(
      { server: {}, buckets: { photos: { storages, transform: { kind: 'query' } } } },
      redis.url,
      soon,
    )
    await using gateway = await startPart('gateway', config)
    const bad = get(`${gateway.url}/photos/bad.jpg?width=100`)
    for (const deaths of [1, 2]) {
      await using victim = await startPart('worker', config)
      await until(`worker ${deaths} to have the job in hand`, () => origin.held.length === 1)
      victim.kill('SIGKILL')
      await victim.ended
      await until('its request to be gone', () => origin.held.length === 0)
    }
    await using third = await startPart('worker', config)
    expect(resultOf(await bad)).toBe('500 poisoned')
    expect(resultOf(await get(`${gateway.url}/photos/bad.jpg?width=100`))).toBe('500 poisoned')
    expect(resultOf(await get(`${gateway.url}/photos/good.jpg?width=100`))).toBe('200')
    expect(origin.requests.filter(request => request.endsWith('/bad.jpg'))).toHaveLength(2)
    expect(await metric(third, 'mort_generation_time_count')).toBe(1)
  })
})
