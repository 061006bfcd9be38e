import { type BullBatchesOptions, createBullBatches } from '@mortise/queue/batches/bullmq'
import { batch, counted, never, nothing, plan, recorder, testBatches } from '@mortise/queue/batches/conformance'
import { createDashboardQueues } from '@mortise/queue/dashboard'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { originalId } from '../packages/queue/src/batches/batch.ts'
import { optionsFor } from './servers/bull-options.ts'
import { type RedisServer, startRedis } from './servers/redis.ts'

let redis: RedisServer
const patience = { timeout: 15_000, interval: 20 }

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

testBatches('bullmq', async bench => {
  const options = { ...optionsFor(redis), ...bench }
  return { queue: async () => createBullBatches(options), close: async () => undefined }
})

describe('bullmq batches', () => {
  it('opens two connections to add and to wait, however many do', async () => {
    await using server = await startRedis()
    await using client = connect(server)
    await using queue = createBullBatches(optionsOf(server))
    const waits = Array.from({ length: 50 }, (_, i) => queue.run(batch(i), never).catch(() => 'closed'))
    await counted(queue, { waiting: 50, active: 0 })
    const clients = String(await client.client('LIST'))
      .trim()
      .split('\n')
    expect(clients).toHaveLength(1 + 2)
    await queue.close()
    await Promise.all(waits)
  })

  it('keeps its jobs apart from the interactive ones of the same prefix', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    await queue.add(batch(1))
    await using queues = await dashboard(options)
    expect(await queues.background.getJobCounts()).toMatchObject({ prioritized: 1 })
    expect(await queues.interactive.getJobCounts()).toMatchObject({ prioritized: 0, waiting: 0 })
    const [job] = await queues.background.getJobs('prioritized')
    expect(job?.data).toEqual(batch(1))
  })

  it('shows a batch that failed as a whole as failed, with its reason', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    await queue.consume(recorder(new TypeError('oops')).handler, { concurrency: 1 })
    await queue.run(batch(1), never)
    await using queues = await dashboard(options)
    await vi.waitFor(async () => expect(await queues.background.getFailedCount()).toBe(1), patience)
    const [job] = await queues.background.getFailed()
    expect(job?.failedReason).toBe('internal: oops')
  })

  it('runs a batch that is tried again, or given back, before those that wait', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    const keys: string[] = []
    const first = await queue.consume(
      async ({ original }, { signal }) => {
        keys.push(original.key)
        await new Promise(resolve => signal.addEventListener('abort', resolve))
        throw signal.reason
      },
      { concurrency: 1 },
    )
    await queue.add(batch(1))
    await vi.waitFor(() => expect(keys).toHaveLength(1), patience)
    for (let i = 2; i <= 20; i++) await queue.add(batch(i))
    await first.close(0)
    const second = recorder(nothing)
    await queue.consume(second.handler, { concurrency: 1 })
    await second.started(20)
    const order = second.batches.map(({ original }) => original.key)
    // BullMQ fetches the next job while it gives one back, or looks for what is due: one may come before it.
    expect(order.indexOf('/photo-1.jpg')).toBeLessThan(3)
  })

  it('leaves nothing of a refused batch behind', async () => {
    const options = { ...optionsOf(redis), maxBackground: 1 }
    await using queue = createBullBatches(options)
    await using client = connect()
    await queue.add(batch(1))
    const before = await keysOf(client, options)
    await expect(queue.add(batch(2))).rejects.toMatchObject({ code: 'overloaded' })
    expect(await keysOf(client, options)).toEqual(before)
  })

  it('leaves nothing of batches that ended behind but what expires and what is bounded', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    await using client = connect()
    await queue.consume(async () => nothing, { concurrency: 4 })
    await Promise.all(Array.from({ length: 250 }, (_, i) => queue.run(batch(i), never)))
    await counted(queue, { waiting: 0, active: 0 })
    const jobs = (await keysOf(client, options)).filter(key => /:derive:b-/.test(key))
    expect(jobs).toHaveLength(100)
    const others = (await keysOf(client, options)).filter(key => /:(turn|de|poison|lock)(:|$)/.test(key))
    expect(others).toEqual([])
    for (const key of (await keysOf(client, options)).filter(key => key.includes(':ended:'))) {
      expect(await client.pttl(key)).toBeGreaterThan(0)
    }
  })

  it('tells who waits although the message is lost', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    await using worker = createBullBatches(options)
    await using client = connect()
    const work = recorder()
    await worker.consume(work.handler, { concurrency: 1 })
    const waits = queue.run(batch(1), never)
    await work.started(1)
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    expect(await client.pubsub('CHANNELS', `{${options.prefix}}:*`)).toEqual([])
    work.finish({ ...nothing, made: 1 })
    expect(await waits).toEqual({ ...nothing, made: 1 })
  })

  it('tells who waits that his batch was removed by hand, and takes the next', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    const removed = expect(queue.run(batch(1), never)).rejects.toMatchObject({ code: 'queue_unavailable' })
    await counted(queue, { waiting: 1, active: 0 })
    await using queues = await dashboard(options)
    for (const job of await queues.background.getJobs()) await job.remove()
    await removed
    await queue.consume(async () => nothing, { concurrency: 1 })
    expect(await queue.run(batch(1), never)).toEqual(nothing)
  })

  it.each([
    ['no batch', '{"original":{}}'],
    ['a plan that is none', JSON.stringify({ ...batch(1), plans: [{ ...plan(1, 1), id: '0'.repeat(32) }] })],
    ['a batch of another original', JSON.stringify(batch(2))],
  ])('ends a job whose data is %s, and goes on', async (_, data) => {
    const errors: unknown[] = []
    const options = { ...optionsOf(redis), onError: (error: unknown) => errors.push(error) }
    await using queue = createBullBatches(options)
    await using client = connect()
    const ended = expect(queue.run(batch(1), never)).rejects.toMatchObject({ code: 'internal' })
    await counted(queue, { waiting: 1, active: 0 })
    await client.hset(await jobOf(client, options), 'data', data)
    const work = recorder(nothing)
    await queue.consume(work.handler, { concurrency: 1 })
    await ended
    expect(await queue.run(batch(3), never)).toEqual(nothing)
    expect(work.batches).toEqual([batch(3)])
    expect(errors).toEqual([expect.objectContaining({ code: 'internal' })])
  })

  it('goes on after a job whose data are torn', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    await using client = connect()
    await queue.add(batch(1))
    await client.hset(await jobOf(client, options), 'data', '{"plans":')
    const work = recorder(nothing)
    await queue.consume(work.handler, { concurrency: 1 })
    expect(await queue.run(batch(2), never)).toEqual(nothing)
    expect(work.batches).toEqual([batch(2)])
  })

  it('puts its plans in the place of data that are no batch', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    await using client = connect()
    await queue.add(batch(1))
    await client.hset(await jobOf(client, options), 'data', '[]')
    await queue.add(batch(1, [2]))
    const work = recorder(nothing)
    await queue.consume(work.handler, { concurrency: 1 })
    await work.started(1)
    expect(work.batches).toEqual([batch(1, [2])])
  })

  it('believes no message and no end that no worker could have told', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    await using client = connect()
    const work = recorder()
    await queue.consume(work.handler, { concurrency: 1 })
    const waits = queue.run(batch(1), never)
    await work.started(1)
    const channel = `{${options.prefix}}:background:ended`
    await vi.waitFor(async () => expect(await client.publish(channel, 'nonsense')).toBe(1), patience)
    await client.publish(channel, `b-${originalId(batch(1).original)}-another.0\n{"ok":true}`)
    work.finish({ ...nothing, made: 1 })
    expect(await waits).toEqual({ ...nothing, made: 1 })
  })

  it('refuses more characters of plans than a job may hold', async () => {
    await using queue = createBullBatches(optionsOf(redis))
    const large = batch(1)
    const [first] = large.plans
    if (first) first.passes = [Array.from({ length: 16 }, () => ({ op: 'x'.repeat(100_000) }) as never)]
    await expect(queue.add(large)).rejects.toMatchObject({ code: 'limit_exceeded' })
  })

  it('works on a cluster', async () => {
    await using server = await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] })
    await using client = connect(server)
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await vi.waitFor(async () => expect(await client.call('CLUSTER', 'INFO')).toContain('cluster_state:ok'), patience)
    const connection = { type: 'redis-cluster' as const, nodes: [{ host: server.host, port: server.port }] }
    await using queue = createBullBatches({ ...optionsOf(server), connection, maxBackground: 1 })
    await queue.add(batch(1, [1]))
    await queue.add(batch(1, [2]))
    await expect(queue.add(batch(2))).rejects.toMatchObject({ code: 'overloaded' })
    const work = recorder(nothing)
    await queue.consume(work.handler, { concurrency: 1 })
    await work.started(1)
    expect(work.batches).toEqual([batch(1, [1, 2])])
    await counted(queue, { waiting: 0, active: 0 })
    expect(await queue.run(batch(3), never)).toEqual(nothing)
  })
})

function optionsOf(server: RedisServer): BullBatchesOptions {
  return { ...optionsFor(server), maxBackground: 1_000 }
}

async function dashboard(options: BullBatchesOptions) {
  const queues = createDashboardQueues(options)
  // Until it has connected, it says at once that it cannot.
  await vi.waitFor(() => queues.background.getJobCounts(), patience)
  return queues
}

function connect({ host, port } = redis): Redis & AsyncDisposable {
  const client = new Redis({ host, port })
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.disconnect() })
}

async function keysOf(client: Redis, { prefix }: BullBatchesOptions): Promise<string[]> {
  return (await client.keys(`{${prefix}}:background:*`)).sort()
}

/** The key of the one job that there is. */
async function jobOf(client: Redis, options: BullBatchesOptions): Promise<string> {
  const [key = '', ...others] = (await keysOf(client, options)).filter(key => /:derive:b-/.test(key))
  expect(others).toEqual([])
  return key
}
