import { MortiseError, toFailure } from '@mortise/errors'
import { type BullQueueOptions, createBullQueue } from '@mortise/queue/bullmq'
import { aborted, made, plan, recorder, testQueue, textOf, wait } from '@mortise/queue/conformance'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { inspectJobs } from '../packages/queue/src/bullmq/inspect.ts'
import { createJobId, createKeys } from '../packages/queue/src/bullmq/keys.ts'
import { writeMessage } from '../packages/queue/src/bullmq/message.ts'
import { optionsFor } from './servers/bull-options.ts'
import { type RedisServer, startRedis } from './servers/redis.ts'

let redis: RedisServer
const patience = { timeout: 15_000, interval: 20 }

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

testQueue('bullmq', async bench => {
  const options = { ...optionsFor(redis), ...bench }
  return { queue: async () => createBullQueue(options), close: async () => undefined }
})

describe('bullmq queue', () => {
  it('carries bytes exactly, up to the limit, and tells who gets none to read the storage', async () => {
    await using queue = createBullQueue(optionsFor(redis))
    const bytes = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 7) % 256))
    const outcomes = [bytes, Buffer.concat([bytes, bytes])].map(made)
    await queue.consume(async job => outcomes[job.plan.id === plan(1).id ? 0 : 1]!, { concurrency: 1 })
    const [small, large] = [await queue.submit(plan(1), wait()), await queue.submit(plan(2), wait())]
    expect(small.ok && small.bytes && Buffer.compare(small.bytes, bytes)).toBe(0)
    expect(large).toMatchObject({ ok: true, bytes: null })
  })

  it('refuses what no storage keeps and it cannot carry either', async () => {
    await using queue = createBullQueue(optionsFor(redis))
    const bytes = Buffer.alloc(32 * 1024 * 1024 + 1)
    const unstored = { code: 'unsupported', message: 'read only' } as const
    await queue.consume(async () => ({ ...made(bytes), unstored }), { concurrency: 1 })
    expect(await queue.submit(plan(1), wait())).toEqual({
      ok: false,
      failure: { code: 'unsupported', message: 'read only, and its 33554433 bytes are too many to travel without' },
    })
  })

  it('does not answer early what it cannot carry', async () => {
    await using queue = createBullQueue({ ...optionsFor(redis), inlineBytes: 2 })
    const job = recorder()
    await queue.consume(job.handler, { concurrency: 1 })
    const submitted = queue.submit(plan(1), wait())
    const context = await job.started(1)
    context.answer(made('too long'))
    context.answer(made('ok'))
    expect(textOf(await submitted)).toBe('ok')
    job.finish(made('end'))
    await vi.waitFor(async () => expect((await queue.stats()).active).toBe(0), patience)
  })

  it('has who comes when the early bytes have expired wait for the end', async () => {
    const options = { ...optionsFor(redis), resultTtl: 1 }
    await using queue = createBullQueue(options)
    await using other = createBullQueue(options)
    const job = recorder()
    await queue.consume(job.handler, { concurrency: 1 })
    const first = queue.submit(plan(1), wait())
    const context = await job.started(1)
    context.answer(made('early'))
    expect(textOf(await first)).toBe('early')
    await using client = connect()
    await vi.waitFor(async () => expect(await client.keys(`{${options.prefix}}:bytes:*`)).toEqual([]), patience)
    const late = other.submit(plan(1), wait())
    await vi.waitFor(async () => expect((await other.stats()).waiters).toBe(1), patience)
    job.finish(made('early'))
    expect(await late).toMatchObject({ ok: true, bytes: null })
  })

  it('leaves nothing of a finished job behind but what expires and what is bounded', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    await queue.consume(async () => made('x'), { concurrency: 4 })
    await Promise.all(Array.from({ length: 20 }, (_, i) => queue.submit(plan(i), wait())))
    await vi.waitFor(async () => expect((await queue.stats()).active).toBe(0), patience)
    await queue.close()
    await using client = connect()
    const keys = await client.keys(`{${options.prefix}}:*`)
    const lasting = []
    for (const key of keys) if ((await client.ttl(key)) < 0) lasting.push(key.split(':').slice(2).join(':'))
    const jobs = lasting.filter(key => key.startsWith('i-'))
    expect(jobs).toHaveLength(20)
    // Bounded: the jobs in `completed` by age and number, the events by number, the rest has one entry or none.
    const bounded = ['completed', 'events', 'id', 'marker', 'meta', 'pc', 'stalled']
    expect(lasting.filter(key => !jobs.includes(key) && !bounded.includes(key))).toEqual([])
  })

  it('drops a job past its deadline whose gateway is gone', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    const gateway = createBullQueue(options)
    const waiting = wait({ ms: 500 })
    const submitted = gateway.submit(plan(1), waiting).catch(() => 'closed')
    await vi.waitFor(async () => expect((await queue.stats()).waiting.interactive).toBe(1), patience)
    await gateway.close()
    expect(await submitted).toBe('closed')
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(waiting.deadline), patience)
    const job = recorder({ outcome: made('x') })
    await queue.consume(job.handler, { concurrency: 1 })
    await queue.submit(plan(2), wait())
    expect(job.plans).toEqual([plan(2).id])
  })

  it('submits a job again that somebody removed', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    const submitted = queue.submit(plan(1), wait())
    await vi.waitFor(async () => expect((await queue.stats()).waiting.interactive).toBe(1), patience)
    await using raw = openRaw(options)
    const [job] = await raw.queue.getJobs(['prioritized'])
    await job?.remove()
    await queue.consume(async () => made('again'), { concurrency: 1 })
    expect(textOf(await submitted)).toBe('again')
  })

  it('finds the outcome of a job that was tried again, not the reason of the first try', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    let runs = 0
    const flaky = async () => {
      if (++runs === 1) throw new MortiseError('storage_unavailable', 'not yet')
      return made('x')
    }
    await queue.consume(flaky, { concurrency: 1 })
    expect(textOf(await queue.submit(plan(1), wait()))).toBe('x')
    await using client = connect()
    await using raw = openRaw(options)
    const [job] = await raw.queue.getJobs(['completed'])
    const [seen] = await inspectJobs(client, createKeys(options.prefix), [job?.id ?? ''])
    expect(seen).toMatchObject({ state: 'ended', outcome: { ok: true } })
  })

  it.each([
    ['is no job', { plan: { id: 'nonsense' }, lane: 'interactive', deadline: 1 }],
    ['is that of another plan', { plan: plan(2), lane: 'interactive', deadline: Date.now() + 60_000 }],
  ])('sets a job aside whose data %s, and goes on', async (_, data) => {
    const options = optionsFor(redis)
    const errors: unknown[] = []
    await using queue = createBullQueue({ ...options, onError: error => errors.push(error) })
    await using raw = openRaw(options)
    const jobId = createJobId('interactive', plan(1).id, 'forged')
    await raw.queue.add('derive', data, { jobId, deduplication: { id: plan(1).id } })
    const submitted = queue.submit(plan(1), wait())
    await waitersOf(options, 1)
    const job = recorder({ outcome: made('x') })
    await queue.consume(job.handler, { concurrency: 1 })
    expect(await submitted).toMatchObject({ ok: false, failure: { code: 'internal' } })
    expect((await raw.queue.getJob(jobId))?.returnvalue).toMatchObject({ ok: false, failure: { code: 'internal' } })
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining(jobId) })])
    expect(textOf(await queue.submit(plan(1), wait()))).toBe('x')
    expect(job.plans).toEqual([plan(1).id])
  })

  it('goes on after a job that is no JSON', async () => {
    const options = { ...optionsFor(redis), lockDuration: 1_000, stalledInterval: 300 }
    await using queue = createBullQueue(options)
    await using raw = openRaw(options)
    await using client = connect()
    const { id = '' } = await raw.queue.add('derive', {})
    await client.hset(`{${options.prefix}}:derive:${id}`, 'data', '{"plan":')
    const job = recorder({ outcome: made('x') })
    await queue.consume(job.handler, { concurrency: 1 })
    expect(textOf(await queue.submit(plan(1), wait()))).toBe('x')
    expect(job.plans).toEqual([plan(1).id])
  })

  it('refuses to wait for a job of another plan that stands for its own', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    await using raw = openRaw(options)
    const jobId = createJobId('interactive', plan(2).id, 'forged')
    const data = { plan: plan(2), lane: 'interactive', deadline: Date.now() + 60_000 }
    await raw.queue.add('derive', data, { jobId, deduplication: { id: plan(1).id } })
    await expect(queue.submit(plan(1), wait())).rejects.toMatchObject({ code: 'internal' })
  })

  it('believes no message and no job that says what no worker says', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    await using worker = createBullQueue(options)
    await using client = connect()
    const job = recorder()
    await worker.consume(job.handler, { concurrency: 1 })
    const submitted = queue.submit(plan(1), wait())
    const context = await job.started(1)
    await waitersOf(options, 1)
    const [inbox = ''] = (await client.call('PUBSUB', 'CHANNELS', `{${options.prefix}}:inbox:*`)) as string[]
    await using raw = openRaw(options)
    const [active] = await raw.queue.getJobs(['active'])
    const jobId = active?.id ?? ''
    const derived = {
      size: 1,
      contentType: 'text/html',
      etag: '"\r\nx: y',
      original: 'v1',
      lastModified: 0,
      width: 1,
      height: 1,
    }
    const forged = { ok: true, inline: true, derived } as const
    await client.hset(`{${options.prefix}}:derive:${jobId}`, 'progress', JSON.stringify(forged))
    await client.publish(inbox, `${writeMessage(jobId, forged)}\nx`)
    await client.publish(inbox, 'nonsense')
    context.answer(made('true'))
    expect(textOf(await submitted)).toBe('true')
    job.finish(made('true'))
    await vi.waitFor(async () => expect((await queue.stats()).active).toBe(0), patience)
  })

  it('answers who finds torn bytes from the storage', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    await using other = createBullQueue(options)
    await using client = connect()
    const job = recorder()
    await queue.consume(job.handler, { concurrency: 1 })
    const first = queue.submit(plan(1), wait())
    const context = await job.started(1)
    context.answer(made('whole'))
    expect(textOf(await first)).toBe('whole')
    const [key = ''] = await client.keys(`{${options.prefix}}:bytes:*`)
    const kept = (await client.getBuffer(key)) ?? Buffer.of()
    await client.set(key, kept.subarray(0, -2), 'KEEPTTL')
    const late = other.submit(plan(1), wait())
    await vi.waitFor(async () => expect((await other.stats()).waiters).toBe(1), patience)
    job.finish(made('whole'))
    expect(await late).toMatchObject({ ok: true, bytes: null })
  })

  it('refuses a plan everywhere that a worker calls poison', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    const failure = { code: 'poisoned', message: 'it never ends' } as const
    await queue.consume(async () => ({ ok: false, failure }), { concurrency: 1 })
    await expect(queue.submit(plan(1), wait())).rejects.toMatchObject(failure)
    await using other = createBullQueue(options)
    await expect(other.submit(plan(1), wait())).rejects.toMatchObject({ code: 'poisoned' })
  })

  it.each(['early', 'at the end'] as const)('answers two gateways %s by one message each', async when => {
    const options = optionsFor(redis)
    await using a = createBullQueue(options)
    await using b = createBullQueue(options)
    await using worker = createBullQueue(options)
    await using client = connect()
    const inboxes: string[] = []
    client.on('pmessage', (_pattern, channel) => inboxes.push(channel))
    await client.psubscribe(`{${options.prefix}}:inbox:*`)
    const job = recorder()
    const submitted = [a, a, b, b].map(queue => queue.submit(plan(1), wait()))
    await waitersOf(options, 2)
    await worker.consume(job.handler, { concurrency: 1 })
    const context = await job.started(1)
    if (when === 'early') context.answer(made('x'))
    else job.finish(made('x'))
    expect((await Promise.all(submitted)).map(textOf)).toEqual(['x', 'x', 'x', 'x'])
    job.finish(made('x'))
    await vi.waitFor(async () => expect((await a.stats()).active).toBe(0), patience)
    expect(inboxes).toHaveLength(2)
    expect(new Set(inboxes).size).toBe(2)
    await waitersOf(options, 0)
  })

  it.each([
    ['early', made('x')],
    ['at the end', made('x')],
    ['with a failure', { ok: false, failure: { code: 'undecodable', message: 'no image' } } as const],
  ])('answers %s although the message is lost', async (when, outcome) => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    await using worker = createBullQueue(options)
    await using client = connect()
    const job = recorder()
    await worker.consume(job.handler, { concurrency: 1 })
    const submitted = queue.submit(plan(1), wait())
    const context = await job.started(1)
    // Both clients of the channels are gone until they have connected again, which takes them 50 ms at least.
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    expect(await client.pubsub('CHANNELS', `{${options.prefix}}:*`)).toEqual([])
    if (when === 'early') context.answer(outcome)
    else job.finish(outcome)
    expect(await submitted).toMatchObject(outcome)
    job.finish(outcome)
    await vi.waitFor(async () => expect((await queue.stats()).active).toBe(0), patience)
    await waitersOf(options, 0)
    await vi.waitFor(async () => {
      expect(await client.pubsub('CHANNELS', `{${options.prefix}}:inbox:*`)).toHaveLength(1)
    }, patience)
  })

  it('is told of its job after a message about an earlier job of the plan, which took it off the list', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    await using client = connect()
    const job = recorder()
    const submitted = queue.submit(plan(1), wait())
    await waitersOf(options, 1)
    const [inbox = ''] = (await client.call('PUBSUB', 'CHANNELS', `{${options.prefix}}:inbox:*`)) as string[]
    await client.del(`{${options.prefix}}:waiters:${plan(1).id}`)
    await client.publish(inbox, writeMessage(`i-${plan(1).id}-earlier`, { ok: false, failure: toFailure('earlier') }))
    await waitersOf(options, 1)
    await queue.consume(job.handler, { concurrency: 1 })
    job.finish(made('x'))
    expect(textOf(await submitted)).toBe('x')
  })

  it('works on a cluster', async () => {
    await using server = await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] })
    await using client = connect(server)
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await vi.waitFor(async () => expect(await client.call('CLUSTER', 'INFO')).toContain('cluster_state:ok'), patience)
    const connection = { type: 'redis-cluster' as const, nodes: [{ host: server.host, port: server.port }] }
    await using queue = createBullQueue({ ...optionsFor(server), connection })
    const job = recorder()
    await queue.consume(job.handler, { concurrency: 1 })
    const left = new AbortController()
    const submitted = queue.submit(plan(1), wait({ signal: left.signal })).catch(() => 'left')
    const context = await job.started(1)
    left.abort()
    await aborted(context.signal)
    expect(await submitted).toBe('left')
    const second = queue.submit(plan(2), wait())
    await job.started(2)
    job.finish(made('x'))
    expect(textOf(await second)).toBe('x')
  })
})

function connect({ host, port } = redis): Redis & AsyncDisposable {
  const client = new Redis({ host, port })
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.disconnect() })
}

/** Until so many processes wait for plan 1. */
async function waitersOf({ prefix }: BullQueueOptions, count: number) {
  await using client = connect()
  await vi.waitFor(async () => expect(await client.zcard(`{${prefix}}:waiters:${plan(1).id}`)).toBe(count), patience)
}

/** BullMQ itself on the same queue. */
function openRaw({ prefix }: BullQueueOptions) {
  const connection = { host: redis.host, port: redis.port }
  const queue = new Queue('derive', { connection, prefix: `{${prefix}}` })
  return { queue, [Symbol.asyncDispose]: () => queue.close() }
}
