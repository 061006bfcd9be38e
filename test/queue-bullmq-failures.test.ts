import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { MortiseError } from '@mortise/errors'
import { type BullQueueOptions, createBullQueue } from '@mortise/queue/bullmq'
import { aborted, made, plan, recorder, textOf, wait } from '@mortise/queue/conformance'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { optionsFor } from './servers/bull-options.ts'
import { type RedisServer, startRedis } from './servers/redis.ts'

const patience = { timeout: 15_000, interval: 20 }

describe('bullmq queue, when a process dies', () => {
  let redis: RedisServer
  const children: Child[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())
  afterEach(async () => {
    await Promise.all(children.splice(0).map(child => child.kill()))
  })

  it('has another worker finish the job of a killed one', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    const submitted = queue.submit(plan(1), wait())
    const worker = startProcess('worker', options)
    await worker.says(`started ${plan(1).id}`)
    await worker.kill()
    await queue.consume(async () => made('rescued'), { concurrency: 1 })
    expect(textOf(await submitted)).toBe('rescued')
  })

  it('sets a job aside that took down two workers, and refuses its plan', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    const submitted = queue.submit(plan(1), wait({ ms: 25_000 }))
    const refused = expect(submitted).rejects.toMatchObject({ code: 'poisoned' })
    for (const _ of [1, 2]) {
      const worker = startProcess('worker', options)
      await worker.says(`started ${plan(1).id}`)
      await worker.kill()
    }
    const job = recorder({ outcome: made('x') })
    await queue.consume(job.handler, { concurrency: 1 })
    await refused
    await expect(queue.submit(plan(1), wait())).rejects.toMatchObject({ code: 'poisoned' })
    expect(textOf(await queue.submit(plan(2), wait()))).toBe('x')
    expect(job.plans).toEqual([plan(2).id])
  })

  it('does not take for poison what was only in hand when the worker died', async () => {
    const options = optionsFor(redis)
    await using queue = createBullQueue(options)
    const submitted = [1, 2].map(i => queue.submit(plan(i), wait({ ms: 25_000 })).catch((error: unknown) => error))
    const first = startProcess('worker', options)
    await Promise.all([1, 2].map(i => first.says(`started ${plan(i).id}`)))
    await first.kill()
    // Both are suspects now, and suspects run alone: only one of them is running when the next worker dies.
    const second = startProcess('worker', options)
    await second.says('started ')
    await second.kill()
    await queue.consume(recorder({ outcome: made('x') }).handler, { concurrency: 2 })
    const ends = await Promise.all(submitted)
    expect(ends.filter(end => end instanceof MortiseError && end.code === 'poisoned')).toHaveLength(1)
    expect(ends.filter(end => !(end instanceof Error))).toHaveLength(1)
  })

  it('lets a process end by itself after it was closed', async () => {
    const child = startProcess('both', optionsFor(redis))
    await child.says('ok true')
    expect(await child.exited).toBe(0)
  })

  function startProcess(role: string, queue: BullQueueOptions): Child {
    const file = fileURLToPath(new URL('servers/bull-process.ts', import.meta.url))
    const child = spawn(process.execPath, [file, role, JSON.stringify({ queue, plan: plan(1) })], { stdio: 'pipe' })
    children.push(observe(child))
    return children.at(-1)!
  }
})

describe('bullmq queue, when Redis is away', () => {
  let server: RedisServer
  afterEach(() => server.stop())

  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    'rejects who waits, and who comes, after %s, and works again later',
    async signal => {
      server = await startRedis()
      const options = optionsFor(server)
      await using queue = createBullQueue(options)
      await using worker = createBullQueue(options)
      await worker.consume(async job => made(job.plan.id), { concurrency: 2 })
      await queue.submit(plan(1), wait())
      const busy = createBullQueue({ ...options, prefix: `${options.prefix}-idle` })
      const submitted = [2, 3].map(i => busy.submit(plan(i), wait()))
      await vi.waitFor(async () => expect((await busy.stats()).waiting.interactive).toBe(2), patience)
      await server.kill(signal)
      for (const wait of submitted) await expect(wait).rejects.toMatchObject({ code: 'queue_unavailable' })
      await expect(queue.submit(plan(4), wait())).rejects.toMatchObject({ code: 'queue_unavailable' })
      await expect(queue.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject({ code: 'queue_unavailable' })
      await expect(queue.stats()).rejects.toMatchObject({ code: 'queue_unavailable' })
      if (signal === 'SIGSTOP') await server.kill('SIGCONT')
      else await server.restart()
      await vi.waitFor(() => queue.ping(AbortSignal.timeout(5_000)), patience)
      expect(textOf(await queue.submit(plan(5), wait()))).toBe(plan(5).id)
      await busy.close()
    },
  )

  it('adds the jobs again that a restarted Redis has lost', async () => {
    server = await startRedis()
    const options = optionsFor(server)
    await using queue = createBullQueue(options)
    const submitted = queue.submit(plan(1), wait())
    await vi.waitFor(async () => expect((await queue.stats()).waiting.interactive).toBe(1), patience)
    await server.restart()
    await using worker = createBullQueue(options)
    await worker.consume(async () => made('again'), { concurrency: 1 })
    expect(textOf(await submitted)).toBe('again')
  })

  it('finishes a job that was in hand while Redis hung, without counting it as a death', async () => {
    server = await startRedis()
    const options = { ...optionsFor(server), lockDuration: 1_000, stalledInterval: 300 }
    await using queue = createBullQueue(options)
    await using worker = createBullQueue(options)
    let runs = 0
    await worker.consume(
      async (_job, { signal }) => {
        if (++runs > 2) return made('third')
        await aborted(signal)
        throw signal.reason
      },
      { concurrency: 1 },
    )
    const submitted = queue.submit(plan(1), wait({ lane: 'background' })).catch(() => 'lost')
    for (const run of [1, 2]) {
      await vi.waitFor(() => expect(runs).toBe(run), patience)
      await server.kill('SIGSTOP')
      await expect(queue.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject({ code: 'queue_unavailable' })
      await expect(queue.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject({ code: 'queue_unavailable' })
      await server.kill('SIGCONT')
    }
    expect(await submitted).toBe('lost')
    await vi.waitFor(() => expect(runs).toBe(3), patience)
    await vi.waitFor(() => queue.ping(AbortSignal.timeout(5_000)), patience)
    expect(textOf(await queue.submit(plan(1), wait()))).toBe('third')
  })

  it('waits for a Redis that is not there yet, and closes without it', async () => {
    server = await startRedis()
    const options = optionsFor(server)
    await server.kill('SIGKILL')
    await using idle = createBullQueue(options)
    const consumer = await idle.consume(async () => made('x'), { concurrency: 1 })
    await expect(idle.submit(plan(1), wait())).rejects.toMatchObject({ code: 'queue_unavailable' })
    await consumer.close(100)
    await using queue = createBullQueue(options)
    await queue.consume(async () => made('x'), { concurrency: 1 })
    await expect(queue.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject({ code: 'queue_unavailable' })
    await server.restart()
    await vi.waitFor(() => queue.ping(AbortSignal.timeout(5_000)), patience)
    expect(textOf(await queue.submit(plan(1), wait()))).toBe('x')
  })
})

type Child = { says(line: string): Promise<void>; kill(): Promise<void>; exited: Promise<number | null> }

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
    says: line => vi.waitFor(() => expect(output).toContain(line), patience),
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
