import { randomBytes } from 'node:crypto'
import type { SharedCacheEvent } from '@mortise/response-cache'
import { createRedisCache, type RedisCacheOptions } from '@mortise/response-cache/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type RedisServer, startRedis } from './servers/redis.ts'
import { until, untilEqual } from './until.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

let prefixes = 0

/** A cache that is connected, and how often each thing has happened in it. */
async function open(options: Partial<RedisCacheOptions> = {}) {
  const events: Record<SharedCacheEvent, number> = { written: 0, dropped: 0, failed: 0, skipped: 0 }
  const cache = createRedisCache({
    ...{ type: 'redis', nodes: [redis], prefix: `t${prefixes++}:`, minUseCount: 0, maxValueBytes: 1024 * 1024 },
    client: { connectTimeout: 2000, readTimeout: 250, writeTimeout: 2000, maxRetries: 0 },
    onEvent: event => (events[event] += 1),
    onError: () => {},
    ...options,
  })
  onTestFinished(() => cache[Symbol.asyncDispose]())
  await cache.ping(AbortSignal.timeout(5000))
  const set = async (key: string, value: Uint8Array, seconds = 60) => {
    const { written } = events
    cache.set(key, [value], seconds)
    await untilEqual('values written', () => events.written, written + 1)
  }
  return { cache, events, set }
}

async function client({ port }: RedisServer = redis): Promise<Redis> {
  const own = new Redis(port)
  onTestFinished(() => own.disconnect())
  return own
}

describe('a shared cache in Redis', () => {
  it('gives back to another process what was set, byte for byte, and nothing for other keys', async () => {
    const [one, two] = [await open({ prefix: 'both:' }), await open({ prefix: 'both:' })]
    for (const value of [Buffer.from([0, 255, 13, 10]), randomBytes(300_000)]) {
      await one.set('a', value)
      expect(Buffer.from((await two.cache.get('a'))!).equals(value)).toBe(true)
    }
    expect(await two.cache.get('b')).toBeNull()
  })

  it('joins chunks, and keeps nothing but them', async () => {
    const { cache, events } = await open({ prefix: 'raw:' })
    cache.set('a', [Buffer.from('one '), Buffer.from('two')], 60)
    await untilEqual('values written', () => events.written, 1)
    expect(await (await client()).getBuffer('raw:r:a')).toEqual(Buffer.from('one two'))
  })

  it('reads no more at one time than it has room for', async () => {
    const client = { connectTimeout: 2000, readTimeout: 20_000, writeTimeout: 20_000, maxRetries: 0 }
    const { cache, events, set } = await open({ prefix: 'room:', maxValueBytes: 16 * 1024 * 1024, client })
    const keys = Array.from({ length: 6 }, (_, i) => `key ${i}`)
    for (const key of keys) await set(key, Buffer.alloc(15 * 1024 * 1024))
    const found = await Promise.all(keys.map(key => cache.get(key)))
    expect(found.map(value => value !== null)).toEqual([true, true, true, true, false, false])
    expect(events.skipped).toBe(2)
    expect(await cache.get(keys[5]!)).not.toBeNull()
  })

  it('lets values end after their time', async () => {
    const { cache, set } = await open({ prefix: 'ttl:' })
    await set('a', Buffer.from('a'), 100)
    const left = await (await client()).pttl('ttl:r:a')
    expect(left).toBeGreaterThan(90_000)
    expect(left).toBeLessThanOrEqual(100_000)
    cache.set('b', [Buffer.from('b')], 0)
    expect(await cache.get('b')).toBeNull()
  })

  it('neither keeps nor reads values above the limit', async () => {
    const { cache, events, set } = await open({ prefix: 'max:', maxValueBytes: 10 })
    await set('fits', Buffer.alloc(10))
    cache.set('long', [Buffer.alloc(6), Buffer.alloc(5)], 60)
    expect(events.dropped).toBe(1)
    await (await client()).set('max:r:huge', Buffer.alloc(11))
    expect([(await cache.get('fits'))?.byteLength, await cache.get('huge')]).toEqual([10, null])
  })

  it('keeps a value from its n-th use on, whoever uses it, and counts for an hour', async () => {
    const options = { prefix: 'uses:', minUseCount: 3 }
    const [one, two] = [await open(options), await open(options)]
    const redis = await client()
    for (const [{ cache }, uses] of [
      [one, '1'],
      [two, '2'],
    ] as const) {
      cache.set('a', [Buffer.from('a')], 60)
      await untilEqual('uses', () => redis.get('uses:n:a'), uses)
    }
    expect(await one.cache.get('a')).toBeNull()
    expect(await redis.ttl('uses:n:a')).toBeGreaterThan(3500)
    await one.set('a', Buffer.from('a'))
    expect(await two.cache.get('a')).not.toBeNull()
  })

  it('does not find what was deleted, nor what was still to be written then', async () => {
    const { cache, set } = await open()
    await set('a', Buffer.from('a'))
    await cache.delete('a')
    expect(await cache.get('a')).toBeNull()
    for (let i = 0; i < 10; i++) cache.set(`b${i}`, [Buffer.alloc(100_000)], 60)
    await cache.delete('b9')
    expect(await cache.get('b9')).toBeNull()
  })

  it('spreads its keys over several servers, and finds them in any order of the addresses', async () => {
    await using other = await startRedis()
    const one = await open({ prefix: 'ring:', nodes: [redis, other] })
    for (let i = 0; i < 20; i++) await one.set(`key ${i}`, Buffer.from([i]))
    const sizes = await Promise.all(
      [redis, other].map(async node => (await (await client(node)).keys('ring:*')).length),
    )
    expect(sizes[0]! + sizes[1]!).toBe(20)
    expect(Math.min(...sizes)).toBeGreaterThan(0)
    const two = await open({ prefix: 'ring:', nodes: [other, redis] })
    for (let i = 0; i < 20; i++) expect((await two.cache.get(`key ${i}`))?.[0]).toBe(i)
  })

  it('works on a cluster', async () => {
    await using server = await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] })
    const admin = await client(server)
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await until('the cluster to be whole', async () => String(await admin.cluster('INFO')).includes('state:ok'))
    const { cache, set } = await open({ type: 'redis-cluster', nodes: [server], minUseCount: 1 })
    await set('a', Buffer.from('a'))
    expect(await cache.get('a')).not.toBeNull()
    await cache.delete('a')
    expect(await cache.get('a')).toBeNull()
  })
})

describe('a shared cache, when Redis', () => {
  it('is away, finds nothing and keeps nothing, and finds and keeps again when it is back', async () => {
    await using server = await startRedis()
    const { cache, events, set } = await open({ nodes: [server] })
    await set('a', Buffer.from('a'))
    await server.kill('SIGKILL')
    await until('the connection to be lost', async () => (await cache.get('a')) === null && events.skipped > 0)
    cache.set('b', [Buffer.from('b')], 60)
    await expect(cache.delete('a')).rejects.toMatchObject({ code: 'storage_unavailable' })
    await expect(cache.ping(AbortSignal.timeout(50))).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect([events.written, cache.stats()]).toEqual([1, { waiting: 0, waitingBytes: 0 }])
    await server.restart()
    await cache.ping(AbortSignal.timeout(5000))
    expect(await cache.get('a')).toBeNull()
    await set('a', Buffer.from('a'))
    expect(await cache.get('a')).not.toBeNull()
  })

  it('hangs, is asked a few times and then left alone, until it answers again', async () => {
    await using server = await startRedis()
    const { cache, events, set } = await open({ nodes: [server] })
    await set('a', Buffer.from('a'))
    await server.kill('SIGSTOP')
    expect(await Promise.all(Array.from({ length: 5 }, () => cache.get('a')))).toEqual(Array(5).fill(null))
    expect(events.failed).toBe(5)
    expect(await Promise.all(Array.from({ length: 50 }, () => cache.get('a')))).toEqual(Array(50).fill(null))
    expect([events.failed, events.skipped]).toEqual([5, 50])
    await server.kill('SIGCONT')
    await until('a value to be found', async () => (await cache.get('a')) !== null)
  })

  it('refuses to write, is still read', async () => {
    const { cache, events, set } = await open({ prefix: 'full:' })
    await set('a', Buffer.from('a'))
    const admin = await client()
    await admin.config('SET', 'maxmemory', '1')
    onTestFinished(async () => void (await admin.config('SET', 'maxmemory', '0')))
    for (let i = 0; i < 10; i++) cache.set(`b${i}`, [Buffer.from('b')], 60)
    await untilEqual('failed writes', () => events.failed, 10)
    expect(await cache.get('a')).not.toBeNull()
  })

  it('takes no values, holds a bounded number of them and counts the rest', async () => {
    await using server = await startRedis()
    const { cache, events } = await open({ nodes: [server], maxValueBytes: 10_000_000 })
    await server.kill('SIGSTOP')
    const megabyte = Buffer.alloc(1024 * 1024)
    for (let i = 0; i < 200; i++) cache.set(`a${i}`, [megabyte], 60)
    expect(cache.stats()).toEqual({ waiting: 64, waitingBytes: 64 * 1024 * 1024 })
    expect(events.dropped).toBe(200 - 64 - 4)
    await server.kill('SIGKILL')
    await untilEqual('waiting values', () => cache.stats().waiting, 0)
  })
})
