import { getEventListeners } from 'node:events'
import { MortiseError } from '@mortise/errors'
import { type Plan, planId } from '@mortise/plan'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Batch, BatchContext, BatchHandler, BatchOutcome, BatchQueue } from '../batches.ts'
import type { Consumer } from '../queue.ts'

export type BatchesBench = {
  /** An instance on the same backend, as another process would have it; the same one where there can be only one. */
  queue(): Promise<BatchQueue>
  close(): Promise<void>
}

export type BatchesOptions = { maxBackground: number; attempts: number }

/** What every adapter of batches does. Each test has a backend of its own from `create`. */
export function testBatches(name: string, create: (options: BatchesOptions) => Promise<BatchesBench>) {
  describe(`${name} batches`, () => {
    let benches: BatchesBench[] = []
    let queues: BatchQueue[] = []

    async function open(options: Partial<BatchesOptions> = {}) {
      const bench = await create({ maxBackground: 1_000, attempts: 3, ...options })
      benches.push(bench)
      return { gateway: () => take(bench), worker: () => take(bench) }
    }

    async function take(bench: BatchesBench) {
      const queue = await bench.queue()
      if (!queues.includes(queue)) queues.push(queue)
      return queue
    }

    afterEach(async () => {
      await Promise.all(queues.map(queue => queue.close()))
      await Promise.all(benches.map(bench => bench.close()))
      queues = []
      benches = []
    })

    describe('adding', () => {
      it('hands the batch to the worker as it was added', async () => {
        const { gateway, worker } = await open()
        const work = recorder(nothing)
        await (await worker()).consume(work.handler, { concurrency: 1 })
        await (await gateway()).add(batch(1, [1, 2]))
        await work.started(1)
        expect(work.batches).toEqual([batch(1, [1, 2])])
      })

      it('does not wait for its end', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const work = recorder()
        await (await worker()).consume(work.handler, { concurrency: 1 })
        await queue.add(batch(1))
        await work.started(1)
        await counted(queue, { waiting: 0, active: 1 })
        work.finish(nothing)
        await counted(queue, { waiting: 0, active: 0 })
      })

      it('runs batches in the order in which they came', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        for (const i of [3, 1, 2]) await queue.add(batch(i))
        const work = recorder(nothing)
        await (await worker()).consume(work.handler, { concurrency: 1 })
        await work.started(3)
        expect(work.batches).toEqual([batch(3), batch(1), batch(2)])
      })

      it('runs batches of several originals side by side', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const work = recorder()
        await (await worker()).consume(work.handler, { concurrency: 3 })
        await Promise.all([1, 2, 3].map(i => queue.add(batch(i))))
        await work.started(3)
        work.finish(nothing)
      })

      it.each([
        ['no plan', batch(1, [])],
        ['65 plans', batch(1, range(65))],
        ['a plan twice', batch(1, [1, 1])],
        ['a plan of another original', { original: batch(1).original, plans: batch(2).plans }],
      ])('refuses a batch with %s', async (_, bad) => {
        const queue = await (await open()).gateway()
        await expect(queue.add(bad)).rejects.toMatchObject({ code: 'invalid_request' })
        await expect(queue.run(bad, never)).rejects.toMatchObject({ code: 'invalid_request' })
        expect(await queue.stats()).toEqual({ waiting: 0, active: 0 })
      })
    })

    describe('one batch per original', () => {
      it('gives one that waits the plans of later ones, each once', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        await a.add(batch(1, [1, 2]))
        await b.add(batch(1, [2, 3]))
        await a.add(batch(1, [1]))
        expect(await a.stats()).toEqual({ waiting: 1, active: 0 })
        const work = recorder(nothing)
        await (await worker()).consume(work.handler, { concurrency: 2 })
        await work.started(1)
        await counted(a, { waiting: 0, active: 0 })
        expect(work.batches).toEqual([batch(1, [1, 2, 3])])
      })

      it('refuses what would give it more than 64 plans, and keeps those that it has', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        await queue.add(batch(1, range(63)))
        await expect(queue.add(batch(1, [63, 64]))).rejects.toMatchObject({
          code: 'overloaded',
          retryAfter: expect.any(Number),
        })
        await queue.add(batch(1, [63]))
        const work = recorder(nothing)
        await (await worker()).consume(work.handler, { concurrency: 1 })
        await work.started(1)
        expect(work.batches).toEqual([batch(1, range(64))])
      })

      it('follows one that is being worked on by one more, when that has ended', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        const work = recorder()
        await (await worker()).consume(work.handler, { concurrency: 4 })
        await (await worker()).consume(work.handler, { concurrency: 4 })
        await a.add(batch(1, [1]))
        await work.started(1)
        await a.add(batch(1, [1, 2]))
        await b.add(batch(1, [3]))
        await a.add(batch(2))
        await work.started(2)
        expect(work.batches).toEqual([batch(1, [1]), batch(2)])
        await counted(a, { waiting: 1, active: 2 })
        work.finish(nothing)
        await work.started(3)
        await counted(a, { waiting: 0, active: 0 })
        expect(work.batches).toEqual([batch(1, [1]), batch(2), batch(1, [1, 2, 3])])
      })

      it('loses no plan of batches that are added while others begin and end', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        const work = recorder(nothing)
        let together = 0
        const alone: BatchHandler = async (given, context) => {
          if (++together > 1) throw new TypeError('two batches of one original at one time')
          const outcome = await work.handler(given, context)
          await a.stats()
          together--
          return outcome
        }
        await (await worker()).consume(alone, { concurrency: 3 })
        const outcomes = await Promise.all(range(60).map(i => (i % 2 ? a : b).run(batch(1, [i]), never)))
        expect(outcomes).toEqual(range(60).map(() => nothing))
        const made = work.batches.flatMap(({ plans }) => plans.map(({ id }) => id))
        expect(new Set(made)).toEqual(new Set(batch(1, range(60)).plans.map(({ id }) => id)))
      })
    })

    describe('waiting for the end', () => {
      it('gives the outcome as the worker told it', async () => {
        const { gateway, worker } = await open()
        const failures = [{ plan: plan(1, 2).id, failure: { code: 'limit_exceeded', message: 'large' } as const }]
        const outcome: BatchOutcome = { made: 3, skipped: 4, failures, dropped: true }
        await (await worker()).consume(async () => outcome, { concurrency: 1 })
        expect(await (await gateway()).run(batch(1, range(8)), never)).toEqual(outcome)
      })

      it('gives it to everybody who waits, wherever', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        const work = recorder({ ...nothing, made: 1 })
        const waits = [a.run(batch(1), never), b.run(batch(1), never), a.run(batch(1), never)]
        await vi.waitFor(async () => expect(await a.stats()).toEqual({ waiting: 1, active: 0 }), patience)
        await (await worker()).consume(work.handler, { concurrency: 1 })
        for (const outcome of await Promise.all(waits)) expect(outcome).toEqual({ ...nothing, made: 1 })
      })

      it('waits for a batch that begins after the call', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const ends: ((outcome: BatchOutcome) => void)[] = []
        const handler: BatchHandler = () => new Promise(resolve => ends.push(resolve))
        await (await worker()).consume(handler, { concurrency: 2 })
        const first = queue.run(batch(1), never)
        await vi.waitFor(() => expect(ends).toHaveLength(1), patience)
        const second = queue.run(batch(1), never)
        await counted(queue, { waiting: 1, active: 1 })
        ends[0]?.({ ...nothing, made: 1 })
        expect(await first).toEqual({ ...nothing, made: 1 })
        await vi.waitFor(() => expect(ends).toHaveLength(2), patience)
        ends[1]?.({ ...nothing, skipped: 1 })
        expect(await second).toEqual({ ...nothing, skipped: 1 })
      })

      it('misses no end of 300 batches that end at once', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        await (await worker()).consume(async ({ plans }) => ({ ...nothing, made: plans.length }), { concurrency: 8 })
        const outcomes = await Promise.all(range(300).map(i => (i % 2 ? a : b).run(batch(i, [1, 2]), never)))
        expect(outcomes).toEqual(range(300).map(() => ({ ...nothing, made: 2 })))
      })

      it('lets who waits leave, and runs the batch all the same', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const reason = new Error('gone')
        const left = new AbortController()
        const waits = queue.run(batch(1), left.signal)
        const rejected = expect(waits).rejects.toBe(reason)
        await counted(queue, { waiting: 1, active: 0 })
        left.abort(reason)
        await rejected
        expect(getEventListeners(left.signal, 'abort')).toEqual([])
        await expect(queue.run(batch(2), left.signal)).rejects.toBe(reason)
        const work = recorder(nothing)
        await (await worker()).consume(work.handler, { concurrency: 1 })
        await work.started(1)
        expect(work.batches).toEqual([batch(1)])
      })

      it('takes its listener off the signal when the batch has ended', async () => {
        const { gateway, worker } = await open()
        const { signal } = new AbortController()
        await (await worker()).consume(async () => nothing, { concurrency: 1 })
        await (await gateway()).run(batch(1), signal)
        expect(getEventListeners(signal, 'abort')).toEqual([])
      })
    })

    describe('admission', () => {
      it('refuses a batch with overloaded when so many wait, but not the plans of those', async () => {
        const { gateway, worker } = await open({ maxBackground: 3 })
        const [a, b] = [await gateway(), await gateway()]
        await Promise.all([1, 2, 3].map(i => (i % 2 ? a : b).add(batch(i, [1]))))
        for (const queue of [a, b]) {
          const refusal = await queue.add(batch(4)).catch((error: unknown) => error)
          expect(refusal).toMatchObject({ code: 'overloaded', retryAfter: expect.any(Number) })
        }
        await a.add(batch(2, [2]))
        expect(await a.stats()).toEqual({ waiting: 3, active: 0 })
        const work = recorder(nothing)
        await (await worker()).consume(work.handler, { concurrency: 1 })
        await work.started(3)
        expect(work.batches).toContainEqual(batch(2, [1, 2]))
        await counted(a, { waiting: 0, active: 0 })
        await a.add(batch(4))
        await work.started(4)
      })

      it('takes exactly as many as may wait of those that come together', async () => {
        const { gateway } = await open({ maxBackground: 10 })
        const [a, b] = [await gateway(), await gateway()]
        const ends = await Promise.allSettled(range(40).map(i => (i % 2 ? a : b).add(batch(i))))
        expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
        expect(await a.stats()).toEqual({ waiting: 10, active: 0 })
      })

      it('refuses to have more waited for than may wait', async () => {
        const { gateway, worker } = await open({ maxBackground: 2 })
        const queue = await gateway()
        const waits = [1, 1].map(i => queue.run(batch(i), never))
        await expect(queue.run(batch(1), never)).rejects.toMatchObject({ code: 'overloaded' })
        await (await worker()).consume(async () => nothing, { concurrency: 1 })
        await Promise.all(waits)
        expect(await queue.run(batch(1), never)).toEqual(nothing)
      })
    })

    describe('failures', () => {
      it.each([
        ['a code that cannot pass', new MortiseError('no_such_object', 'not there'), 'no_such_object'],
        ['a bug', new TypeError('oops'), 'internal'],
      ])('ends all plans of a batch that throws %s at the first attempt', async (_, error, code) => {
        const { gateway, worker } = await open()
        const work = recorder(error)
        await (await worker()).consume(work.handler, { concurrency: 1 })
        const failure = { code, message: error.message }
        expect(await (await gateway()).run(batch(1, [1, 2]), never)).toEqual({
          made: 0,
          skipped: 0,
          failures: [1, 2].map(i => ({ plan: plan(1, i).id, failure })),
        })
        expect(work.batches).toHaveLength(1)
      })

      it('tries again what may pass', async () => {
        const { gateway, worker } = await open()
        let attempts = 0
        const flaky: BatchHandler = async () => {
          if (++attempts < 3) throw new MortiseError('storage_unavailable', `attempt ${attempts}`)
          return { ...nothing, made: attempts }
        }
        await (await worker()).consume(flaky, { concurrency: 1 })
        expect(await (await gateway()).run(batch(1), never)).toEqual({ ...nothing, made: 3 })
      })

      it('ends with the failure of the last attempt when all are used up', async () => {
        const { gateway, worker } = await open({ attempts: 2 })
        let attempts = 0
        const failing: BatchHandler = async () => {
          throw new MortiseError('storage_unavailable', `attempt ${++attempts}`, { retryAfter: 3 })
        }
        await (await worker()).consume(failing, { concurrency: 1 })
        const failure = { code: 'storage_unavailable', message: 'attempt 2', retryAfter: 3 }
        expect((await (await gateway()).run(batch(1), never)).failures).toEqual([{ plan: plan(1, 1).id, failure }])
        expect(attempts).toBe(2)
      })

      it('takes the next batch of an original that failed', async () => {
        const { gateway, worker } = await open({ attempts: 1 })
        const queue = await gateway()
        const ends = [new MortiseError('storage_unavailable', 'away'), null]
        const handler: BatchHandler = async () => {
          const error = ends.shift()
          if (error) throw error
          return nothing
        }
        await (await worker()).consume(handler, { concurrency: 1 })
        expect((await queue.run(batch(1), never)).failures).toHaveLength(1)
        expect(await queue.run(batch(1), never)).toEqual(nothing)
      })
    })

    describe('draining', () => {
      it('finishes what is in hand, and takes nothing more', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const work = recorder()
        const consumer = await (await worker()).consume(work.handler, { concurrency: 1 })
        const first = queue.run(batch(1), never)
        await work.started(1)
        expect(consumer.active).toBe(1)
        const closed = consumer.close(10_000)
        const second = queue.run(batch(2), never)
        await counted(queue, { waiting: 1, active: 1 })
        work.finish(nothing)
        await closed
        expect(await first).toEqual(nothing)
        expect(consumer.active).toBe(0)
        expect(work.batches).toEqual([batch(1)])
        await (await worker()).consume(async () => ({ ...nothing, made: 1 }), { concurrency: 1 })
        expect(await second).toEqual({ ...nothing, made: 1 })
      })

      it.each([
        ['throws when it is told to stop', 'throws'],
        ['says that the rest was cancelled', 'tells'],
        ['does not stop', 'stays'],
      ])('hands a batch back whose handler %s, and another consumer runs it', async (_, manner) => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const stuck = Promise.withResolvers<BatchOutcome>()
        const signals: AbortSignal[] = []
        const handler: BatchHandler = async (given, { signal }) => {
          signals.push(signal)
          if (manner === 'stays') return stuck.promise
          await aborted(signal)
          if (manner === 'throws') throw signal.reason
          const failure = { code: 'cancelled', message: 'closing' } as const
          return { ...nothing, failures: given.plans.map(({ id }) => ({ plan: id, failure })) }
        }
        const consumer = await (await worker()).consume(handler, { concurrency: 1 })
        const waits = queue.run(batch(1), never)
        await vi.waitFor(() => expect(signals).toHaveLength(1), patience)
        await consumer.close(50)
        expect(signals[0]?.aborted).toBe(true)
        const work = recorder({ ...nothing, made: 1 })
        await (await worker()).consume(work.handler, { concurrency: 1 })
        expect(await waits).toEqual({ ...nothing, made: 1 })
        expect(work.batches).toEqual([batch(1)])
        stuck.resolve(nothing)
      })

      it('gives handed back batches to a consumer that is already idle', async () => {
        const { gateway, worker } = await open()
        const started = Promise.withResolvers<Consumer>()
        const consumers: Consumer[] = []
        let runs = 0
        const first = (own: number): BatchHandler => {
          return async (_batch, { signal }) => {
            const consumer = consumers[own]
            if (!consumer || runs++ > 0) return nothing
            started.resolve(consumer)
            await aborted(signal)
            throw signal.reason
          }
        }
        const [a, b] = [await worker(), await worker()]
        consumers.push(await a.consume(first(0), { concurrency: 1 }), await b.consume(first(1), { concurrency: 1 }))
        const waits = (await gateway()).run(batch(1), never)
        await (await started.promise).close(0)
        expect(await waits).toEqual(nothing)
      })
    })

    describe('its end', () => {
      it('rejects who waits, and who comes later, with queue_unavailable', async () => {
        const queue = await (await open()).gateway()
        const rejected = expect(queue.run(batch(1), never)).rejects.toMatchObject({ code: 'queue_unavailable' })
        await counted(queue, { waiting: 1, active: 0 })
        await queue.close()
        await rejected
        const gone = { code: 'queue_unavailable' }
        await expect(queue.add(batch(2))).rejects.toMatchObject(gone)
        await expect(queue.run(batch(2), never)).rejects.toMatchObject(gone)
        await expect(queue.consume(async () => nothing, { concurrency: 1 })).rejects.toMatchObject(gone)
        await queue.close()
      })

      it('answers a ping while it works', async () => {
        const queue = await (await open()).gateway()
        await expect(queue.ping(AbortSignal.timeout(5_000))).resolves.toBeUndefined()
        await expect(queue.ping(AbortSignal.abort(new Error('no')))).rejects.toThrow('no')
      })
    })
  })
}

/** Until something that has to happen soon is given up. */
const patience = { timeout: 8_000, interval: 10 }

export const never = new AbortController().signal

/** The outcome of a batch of which nothing was to be made. */
export const nothing: BatchOutcome = { made: 0, skipped: 0, failures: [] }

/** The plans `numbers` of original `i`. */
export function batch(i: number, numbers = [1]): Batch {
  const plans = numbers.map(number => plan(i, number))
  return { original: { storage: 'media/basic', bucket: 'media', key: `/photo-${i}.jpg` }, plans }
}

export function plan(i: number, number: number): Plan {
  const content: Omit<Plan, 'id'> = {
    original: { storage: 'media/basic', bucket: 'media', key: `/photo-${i}.jpg` },
    passes: [],
    output: { format: 'original', quality: null, progressive: false, metadata: 'strip' },
    derivative: { storage: 'media/transform', bucket: 'media', key: `/${i}/${number}` },
  }
  return { id: planId(content), ...content }
}

/** A handler that tells what it was given, and ends as it is told to: at once when the end is known. */
export function recorder(known?: BatchOutcome | Error) {
  const batches: Batch[] = []
  const contexts: BatchContext[] = []
  const end = Promise.withResolvers<BatchOutcome>()
  end.promise.catch(() => undefined)
  if (known instanceof Error) end.reject(known)
  else if (known) end.resolve(known)
  const handler: BatchHandler = async (given, context) => {
    batches.push(given)
    contexts.push(context)
    return Promise.race([end.promise, aborted(context.signal).then(() => Promise.reject(context.signal.reason))])
  }
  return {
    handler,
    batches,
    finish: end.resolve,
    async started(count: number): Promise<BatchContext> {
      await vi.waitFor(() => expect(contexts.length).toBeGreaterThanOrEqual(count), patience)
      return contexts[count - 1]!
    },
  }
}

export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

export async function counted(queue: BatchQueue, counts: { waiting: number; active: number }) {
  await vi.waitFor(async () => expect(await queue.stats()).toEqual(counts), patience)
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
