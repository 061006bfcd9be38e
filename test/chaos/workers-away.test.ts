import { describe, expect, it } from 'vitest'
import { startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { resultOf, tally } from '../observe.ts'
import { startRedis } from '../servers/redis.ts'
import { get, metric } from '../specs/client.ts'
import { createSite } from '../specs/site.ts'
import { until, untilEqual } from '../until.ts'

describe('without any worker', async () => {
  const site = await createSite({ 'photos/cat.jpg': await photo(300, 200) })
  const start = async (requestTimeout: number) => {
    const redis = await startRedis()
    const store = await site.emptyStore()
    const buckets = { photos: { storages: store.storages(), transform: { kind: 'query' } } }
    return { redis, config: withQueue({ server: { requestTimeout }, buckets }, redis.url, { maxWaiting: 3 }) }
  }
  const picture = (url: string, width: number) => get(`${url}/photos/cat.jpg?width=${width}`)

  it('serves hits; misses wait to their deadline, and beyond the limit they are refused', async () => {
    const { redis, config } = await start(2)
    await using _ = redis
    await using gateway = await startPart('gateway', config)
    await using first = await startPart('worker', config)
    expect(resultOf(await picture(gateway.url, 100))).toBe('200')
    await first.stop()

    const waiting = [1, 2, 3].map(width => picture(gateway.url, width))
    await untilEqual('three misses to wait', () => metric(gateway, 'mortise_flights'), 3)
    const refused = await picture(gateway.url, 4)
    expect(resultOf(refused)).toBe('503 overloaded')
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    // Who comes for something that is waited for already is no further miss.
    waiting.push(picture(gateway.url, 1))
    expect(resultOf(await picture(gateway.url, 100))).toBe('200')
    expect(tally((await Promise.all(waiting)).map(resultOf))).toEqual({ '504 timed_out': 4 })

    await using worker = await startPart('worker', config)
    expect(resultOf(await picture(gateway.url, 5))).toBe('200')
    expect(await metric(worker, 'mort_generation_time_count')).toBe(1)
  })

  it('the jobs of a gateway that died are not rendered after their deadline', async () => {
    const { redis, config } = await start(2)
    await using _ = redis
    await using gateway = await startPart('gateway', config)
    await using dead = await startPart('gateway', config)
    const cut = Promise.allSettled([1, 2, 3].map(width => picture(dead.url, width)))
    await untilEqual('its jobs to wait', () => metric(gateway, 'mortise_queue_waiting_interactive'), 3)
    dead.kill('SIGKILL')
    await cut
    const died = Date.now()
    // The gateway announces its presence for a second longer than a client waits.
    await until('the deadlines to pass', () => Date.now() - died > 2_000 + 1_000)
    await using worker = await startPart('worker', config)
    expect(resultOf(await picture(gateway.url, 4))).toBe('200')
    await untilEqual('the queue to be empty', () => metric(gateway, 'mortise_queue_waiting_interactive'), 0)
    expect(await metric(worker, 'mort_generation_time_count')).toBe(1)
  })
})
