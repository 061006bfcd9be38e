import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type BullBatchesOptions, createBullBatches } from '@mortise/queue/batches/bullmq'
import { aborted, batch, counted, never, nothing, recorder } from '@mortise/queue/batches/conformance'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { optionsFor } from './servers/bull-options.ts'
import { type RedisServer, startRedis } from './servers/redis.ts'

const patience = { timeout: 20_000, interval: 20 }

describe('bullmq batches, when a process ends', () => {
  let redis: RedisServer
  const children: Child[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())
  afterEach(async () => {
    await Promise.all(children.splice(0).map(child => child.end('SIGKILL')))
  })

  it('has another worker run the batch of a killed one, once more', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    const waits = queue.run(batch(1), never)
    const worker = startProcess('worker', options)
    await worker.says('started /photo-1.jpg ')
    await worker.end('SIGKILL')
    const work = recorder({ ...nothing, made: 1 })
    await queue.consume(work.handler, { concurrency: 2 })
    expect(await waits).toEqual({ ...nothing, made: 1 })
    await counted(queue, { waiting: 0, active: 0 })
    expect(work.batches).toEqual([batch(1)])
  })

  it('keeps a later batch of the original of a killed worker, beside the one to be run again', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    await queue.add(batch(1, [1]))
    const worker = startProcess('worker', options)
    await worker.says('started /photo-1.jpg ')
    await queue.add(batch(1, [2]))
    await worker.end('SIGKILL')
    const work = recorder(nothing)
    await queue.consume(work.handler, { concurrency: 2 })
    await work.started(2)
    await counted(queue, { waiting: 0, active: 0 })
    const plans = work.batches.map(({ plans }) => plans[0]?.derivative.key).sort()
    expect(plans).toEqual(['/1/1', '/1/2'])
  })

  it('ends a batch that took down two workers as poisoned, and later ones of its original', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    const waits = queue.run(batch(1, [1, 2]), never)
    for (const _ of [1, 2]) {
      const worker = startProcess('worker', options)
      await worker.says('started /photo-1.jpg ')
      await worker.end('SIGKILL')
    }
    const work = recorder(nothing)
    await queue.consume(work.handler, { concurrency: 1 })
    const poisoned = { failure: { code: 'poisoned' } }
    expect(await waits).toMatchObject({ made: 0, failures: [poisoned, poisoned] })
    expect(await queue.run(batch(1, [3]), never)).toMatchObject({ failures: [poisoned] })
    expect(await queue.run(batch(2), never)).toEqual(nothing)
    expect(work.batches).toEqual([batch(2)])
  })

  it('does not take for poison what was only in hand when the worker died', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    const waits = [1, 2].map(i => queue.run(batch(i), never))
    const first = startProcess('worker', options)
    await Promise.all([1, 2].map(i => first.says(`started /photo-${i}.jpg `)))
    await first.end('SIGKILL')
    // Both are suspects now, and suspects run alone: only one of them is running when the next worker dies.
    const second = startProcess('worker', options)
    await second.says('started ')
    await second.end('SIGKILL')
    await queue.consume(recorder({ ...nothing, made: 1 }).handler, { concurrency: 2 })
    const outcomes = await Promise.all(waits)
    expect(outcomes.filter(({ failures }) => failures[0]?.failure.code === 'poisoned')).toHaveLength(1)
    expect(outcomes.filter(({ made }) => made === 1)).toHaveLength(1)
  })

  it('hands a batch back on SIGTERM, as often as it takes', async () => {
    const options = optionsOf(redis)
    await using queue = createBullBatches(options)
    const waits = queue.run(batch(1), never)
    for (const _ of [1, 2, 3]) {
      const worker = startProcess('worker', options)
      await worker.says('started /photo-1.jpg ')
      expect(await worker.end('SIGTERM')).toBe(0)
      await counted(queue, { waiting: 1, active: 0 })
    }
    await queue.consume(async () => ({ ...nothing, made: 1 }), { concurrency: 1 })
    expect(await waits).toEqual({ ...nothing, made: 1 })
  })

  it('lets a process end by itself after it was closed', async () => {
    const child = startProcess('both', optionsOf(redis))
    await child.says('made 1')
    expect(await child.exited).toBe(0)
  })

  it('adds 10,000 batches in bounded memory, and refuses one more', async () => {
    const options = { ...optionsOf(redis), maxBackground: 10_000 }
    const child = startProcess('flood', options)
    expect(await child.exited).toBe(0)
    expect(child.output()).toContain('waiting 10000 \noverloaded\n')
    // What was sent is 35 MB.
    expect(Number(/grown (-?\d+) /.exec(child.output())?.[1])).toBeLessThan(5_000_000)
  })

  function startProcess(role: string, options: BullBatchesOptions): Child {
    const file = fileURLToPath(new URL('servers/batch-process.ts', import.meta.url))
    const args = ['--expose-gc', file, role, JSON.stringify(options)]
    const child = observe(spawn(process.execPath, args, { stdio: 'pipe' }))
    children.push(child)
    return child
  }
})

describe('bullmq batches, when Redis is away', () => {
  let server: RedisServer
  afterEach(() => server.stop())

  it.each(['SIGSTOP', 'SIGKILL'] as const)('refuses batches after %s, and takes them again later', async signal => {
    server = await startRedis()
    const options = optionsOf(server)
    await using queue = createBullBatches(options)
    await using worker = createBullBatches(options)
    await worker.consume(async () => nothing, { concurrency: 1 })
    await queue.run(batch(1), never)
    await server.kill(signal)
    const gone = { code: 'queue_unavailable' }
    await expect(queue.add(batch(2))).rejects.toMatchObject(gone)
    await expect(queue.run(batch(2), never)).rejects.toMatchObject(gone)
    await expect(queue.stats()).rejects.toMatchObject(gone)
    await expect(queue.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject(gone)
    if (signal === 'SIGSTOP') await server.kill('SIGCONT')
    else await server.restart()
    await vi.waitFor(() => queue.ping(AbortSignal.timeout(5_000)), patience)
    expect(await queue.run(batch(3), never)).toEqual(nothing)
  })

  it('refuses all of many batches that come together while it hangs', async () => {
    server = await startRedis()
    await using queue = createBullBatches(optionsOf(server))
    await queue.ping(AbortSignal.timeout(5_000))
    await server.kill('SIGSTOP')
    const ends = await Promise.allSettled(Array.from({ length: 500 }, (_, i) => queue.add(batch(i))))
    const codes = ends.map(end => (end.status === 'rejected' ? end.reason.code : 'taken'))
    expect(new Set(codes)).toEqual(new Set(['queue_unavailable']))
  })

  it('waits for a Redis that is not there yet, and closes without it', async () => {
    server = await startRedis()
    const options = optionsOf(server)
    await server.kill('SIGKILL')
    await using idle = createBullBatches(options)
    const consumer = await idle.consume(async () => nothing, { concurrency: 1 })
    await expect(idle.add(batch(1))).rejects.toMatchObject({ code: 'queue_unavailable' })
    await consumer.close(100)
    await using queue = createBullBatches(options)
    await queue.consume(async () => nothing, { concurrency: 1 })
    await server.restart()
    await vi.waitFor(() => queue.ping(AbortSignal.timeout(5_000)), patience)
    expect(await queue.run(batch(1), never)).toEqual(nothing)
  })

  it('has the batches of an append-only Redis after its restart, and who waits for them waits on', async () => {
    server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const options = optionsOf(server)
    await using queue = createBullBatches(options)
    const waits = queue.run(batch(1, [1, 2]), never)
    await queue.add(batch(2))
    await counted(queue, { waiting: 2, active: 0 })
    await server.restart()
    await vi.waitFor(() => queue.add(batch(1, [3])), patience)
    const work = recorder({ ...nothing, made: 1 })
    await queue.consume(work.handler, { concurrency: 1 })
    expect(await waits).toEqual({ ...nothing, made: 1 })
    await work.started(2)
    expect(work.batches).toEqual([batch(1, [1, 2, 3]), batch(2)])
  })

  it('ends a batch that was in hand when an append-only Redis was restarted', async () => {
    server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const options = optionsOf(server)
    await using queue = createBullBatches(options)
    await using worker = createBullBatches(options)
    const work = recorder()
    await worker.consume(work.handler, { concurrency: 1 })
    const waits = queue.run(batch(1), never)
    await work.started(1)
    await server.restart()
    work.finish({ ...nothing, made: 1 })
    expect(await waits).toEqual({ ...nothing, made: 1 })
    await counted(queue, { waiting: 0, active: 0 })
  })

  it('tells who waits when a restarted Redis has lost the batch', async () => {
    server = await startRedis()
    await using queue = createBullBatches(optionsOf(server))
    const lost = expect(queue.run(batch(1), never)).rejects.toMatchObject({ code: 'queue_unavailable' })
    await counted(queue, { waiting: 1, active: 0 })
    await server.restart()
    await lost
  })

  it('runs a batch again that was in hand while Redis hung, without counting it as a death', async () => {
    server = await startRedis()
    const options = { ...optionsOf(server), lockDuration: 1_000, stalledInterval: 300 }
    await using queue = createBullBatches(options)
    await using worker = createBullBatches(options)
    let runs = 0
    await worker.consume(
      async (_batch, { signal }) => {
        if (++runs > 2) return { ...nothing, made: runs }
        await aborted(signal)
        throw signal.reason
      },
      { concurrency: 1 },
    )
    const waits = queue.run(batch(1), never)
    for (const run of [1, 2]) {
      await vi.waitFor(() => expect(runs).toBe(run), patience)
      await server.kill('SIGSTOP')
      await expect(queue.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject({ code: 'queue_unavailable' })
      await expect(queue.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject({ code: 'queue_unavailable' })
      await server.kill('SIGCONT')
    }
    expect(await waits).toEqual({ ...nothing, made: 3 })
  })
})

function optionsOf(server: RedisServer): BullBatchesOptions {
  return { ...optionsFor(server), maxBackground: 1_000 }
}

type Child = {
  says(text: string): Promise<void>
  output(): string
  end(signal: NodeJS.Signals): Promise<number | null>
  exited: Promise<number | null>
}

function observe(child: ChildProcess): Child {
  let output = ''
  const read = (chunk: Buffer) => {
    output += chunk
  }
  child.stdout?.on('data', read)
  child.stderr?.on('data', read)
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  return {
    exited,
    output: () => output,
    says: text => vi.waitFor(() => expect(output).toContain(text), patience),
    async end(signal) {
      child.kill(signal)
      return exited
    },
  }
}
