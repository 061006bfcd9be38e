import { describe, expect, it } from 'vitest'
import { type Part, startPart, withQueue } from '../cluster.ts'
import { photo } from '../fixtures/images.ts'
import { readinessOf, resultOf, signsOfACrash } from '../observe.ts'
import { startOrigin } from '../servers/origin.ts'
import { startRedis } from '../servers/redis.ts'
import { get } from '../specs/client.ts'
import { createSite } from '../specs/site.ts'
import { until, untilEqual } from '../until.ts'

describe('a Redis', async () => {
  const site = await createSite({})

  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'that is away by %s leaves hits and stored derivatives, refuses the rest, and is used again when it is back',
    async signal => {
      await using redis = await startRedis()
      await using origin = await startOrigin()
      for (const bucket of ['cached', 'stored']) origin.put(`/${bucket}/cat.jpg`, await photo(300, 200))
      const store = await site.emptyStore()
      const storages = { ...store.storages(), basic: origin.storage }
      const bucket = { storages, transform: { kind: 'query' } }
      const config = {
        server: { cache: { ttl: 0 }, worker: { threads: 2 } },
        buckets: { cached: { ...bucket, headers: { 'Cache-Control': 'max-age=600' } }, stored: bucket },
      }
      const shared = withQueue(config, redis.url, { lockDuration: 1_000, stalledInterval: 300 })
      await using gateway = await startPart('gateway', shared)
      await using worker = await startPart('worker', shared)
      const at = (name: string) => get(`${gateway.url}/${name}`)
      const kept = ['cached/cat.jpg?width=100', 'stored/cat.jpg?width=100']
      for (const name of kept) expect(resultOf(await at(name))).toBe('200')
      await untilEqual('derivatives in the store', store.count, 2)

      origin.behave(request => (request.endsWith('/cat.jpg') ? 'hold' : 'answer'))
      const waiting = [1, 2].map(width => at(`stored/cat.jpg?width=${width}`))
      await until('the requests to wait', () => origin.held.length === 2)
      await redis.kill(signal)

      expect((await Promise.all(waiting)).map(resultOf)).toEqual(Array(2).fill('503 queue_unavailable'))
      const [hit, stored] = await Promise.all(kept.map(at))
      expect(hit && [resultOf(hit), hit.headers.get('x-mort-cache')]).toEqual(['200', 'hit'])
      expect(stored && [resultOf(stored), stored.headers.get('x-mort-cache')]).toEqual(['200', null])
      const miss = await at('stored/cat.jpg?width=3')
      expect(resultOf(miss)).toBe('503 queue_unavailable')
      expect(Number(miss.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(await Promise.all([gateway, worker].map(readinessOf))).toEqual(['503 unready', '503 unready'])

      for (const part of [gateway, worker])
        await until('it to say so', () => said(part, 'Redis does not answer').length > 0)

      // What the worker had in hand ends while there is nobody to tell.
      origin.release()
      if (signal === 'SIGSTOP') await redis.kill('SIGCONT')
      else await redis.restart()
      for (const part of [gateway, worker]) await untilEqual('readiness', () => readinessOf(part), '200 ready')
      const names = [1, 2, 3, 4, 5].map(width => `stored/cat.jpg?width=${width}`)
      expect((await Promise.all(names.map(at))).map(resultOf)).toEqual(Array(5).fill('200'))
      for (const part of [gateway, worker]) await until('it to say so', () => said(part, 'Redis answers').length > 0)
      await Promise.all([gateway.stop(), worker.stop()])
      for (const part of [gateway, worker]) {
        const where = { address: `${redis.host}:${redis.port}`, setting: 'server.queue.address' }
        const away = { level: 'warn', ...where, reason: expect.any(String) }
        expect(said(part, 'Redis does not answer')).toEqual([expect.objectContaining(away)])
        expect(said(part, 'Redis answers')).toEqual([expect.objectContaining({ level: 'info', ...where })])
        expect([await part.ended, part.output()]).toEqual([0, expect.not.stringMatching(signsOfACrash)])
      }
    },
  )

  it('that may evict jobs is told of once by each process, and by nobody else', async () => {
    await using redis = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] })
    const store = await site.emptyStore()
    const buckets = { photos: { storages: store.storages('photos'), transform: { kind: 'query' } } }
    await site.write('photos/cat.jpg', await photo(30, 20))
    const config = withQueue({ server: {}, buckets }, redis.url)
    await using gateway = await startPart('gateway', config)
    await using worker = await startPart('worker', config)
    expect(resultOf(await get(`${gateway.url}/photos/cat.jpg?width=10`))).toBe('200')
    const setting = 'server.queue.address'
    for (const part of [gateway, worker]) {
      await until('it to say so', () => warningsOf(part).length > 0)
      const evicts = { setting, policy: 'allkeys-lru', msg: expect.stringMatching(/noeviction/) }
      expect(warningsOf(part)).toEqual([expect.objectContaining(evicts)])
      expect(part.output()).not.toContain('IMPORTANT')
    }
  })

  it('that is not there yet is waited for, by processes that say so and serve what is stored', async () => {
    await using redis = await startRedis()
    await redis.kill('SIGKILL')
    await using origin = await startOrigin()
    origin.put('/photos/cat.jpg', await photo(300, 200))
    const store = await site.emptyStore()
    const buckets = {
      photos: { storages: { ...store.storages(), basic: origin.storage }, transform: { kind: 'query' } },
    }
    const config = { server: {}, buckets }
    await using single = await startPart('serve', config)
    expect(resultOf(await get(`${single.url}/photos/cat.jpg?width=100`))).toBe('200')
    await untilEqual('derivatives in the store', store.count, 1)

    const lock = { type: 'redis', address: [redis.url] }
    const [gateway, worker] = await Promise.all([
      startPart('gateway', withQueue(config, redis.url)),
      startPart('worker', { ...config, server: { lock } }),
    ])
    await using _parts = {
      [Symbol.asyncDispose]: async () => void (await Promise.all([gateway.stop(), worker.stop()])),
    }
    for (const [part, setting] of [
      [gateway, 'server.queue.address'],
      [worker, 'server.lock.address'],
    ] as const) {
      const { text } = await get(`${part.internalUrl}/readyz`)
      expect(JSON.parse(text)).toMatchObject({ status: 'unready', checks: { queue: 'queue_unavailable' } })
      const address = `${redis.host}:${redis.port}`
      const warning = { level: 'warn', address, setting, msg: 'Redis does not answer' }
      expect(warningsOf(part)).toEqual([expect.objectContaining(warning)])
    }

    const at = (query: string) => get(`${gateway.url}/photos/cat.jpg${query}`)
    expect(resultOf(await at('?width=100'))).toBe('200')
    expect(resultOf(await at(''))).toBe('200')
    expect(resultOf(await at('?width=101'))).toBe('503 queue_unavailable')
    await redis.restart()
    for (const part of [gateway, worker]) await untilEqual('readiness', () => readinessOf(part), '200 ready')
    expect(resultOf(await at('?width=101'))).toBe('200')
    for (const part of [gateway, worker]) await until('it to say so', () => part.output().includes('Redis answers'))
  })
})

function linesOf(part: Part): Record<string, unknown>[] {
  const lines = part.output().split('\n')
  return lines.filter(line => line.startsWith('{') && line.endsWith('}')).map(line => JSON.parse(line))
}

const warningsOf = (part: Part) => linesOf(part).filter(({ level }) => level === 'warn')
const said = (part: Part, message: string) => linesOf(part).filter(({ msg }) => msg === message)
