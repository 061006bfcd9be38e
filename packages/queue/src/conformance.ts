import { getEventListeners } from 'node:events'
import { MortiseError } from '@mortise/errors'
import { type Plan, planId } from '@mortise/plan'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Consumer, JobContext, JobHandler, JobQueue, Lane, Outcome } from './queue.ts'

export type QueueBench = {
  /** An instance on the same backend, as another process would have it; the same one where there can be only one. */
  queue(): Promise<JobQueue>
  close(): Promise<void>
}

export type BenchOptions = { maxWaiting: number; attempts: number }

/** What every queue adapter does. Each test has a backend of its own from `create`; the first retry comes within 200 ms. */
export function testQueue(name: string, create: (options: BenchOptions) => Promise<QueueBench>) {
  describe(`${name} queue`, () => {
    let benches: QueueBench[] = []
    let queues: JobQueue[] = []

    async function open(options: Partial<BenchOptions> = {}) {
      const bench = await create({ maxWaiting: 1_000, attempts: 3, ...options })
      benches.push(bench)
      return { gateway: () => take(bench), worker: () => take(bench) }
    }

    async function take(bench: QueueBench) {
      const queue = await bench.queue()
      if (!queues.includes(queue)) queues.push(queue)
      return queue
    }

    afterEach(async () => {
      try {
        for (const queue of queues) await expectNobodyLeft(queue)
      } finally {
        await Promise.all(queues.map(queue => queue.close()))
        await Promise.all(benches.map(bench => bench.close()))
        queues = []
        benches = []
      }
    })

    describe('joining', () => {
      it('runs one job for 200 submits of one plan from two gateways', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        const job = recorder()
        const waits = Array.from({ length: 200 }, (_, i) => (i % 2 ? a : b).submit(plan(1), wait()))
        await (await worker()).consume(job.handler, { concurrency: 4 })
        await job.started(1)
        job.finish(made('x'))
        const outcomes = await Promise.all(waits)
        expect(new Set(outcomes.map(textOf))).toEqual(new Set(['x']))
        expect(job.plans).toEqual([plan(1).id])
      })

      it('runs a plan again when it is submitted after the end', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const job = recorder({ outcome: made('x') })
        await (await worker()).consume(job.handler, { concurrency: 1 })
        await queue.submit(plan(1), wait())
        await queue.submit(plan(1), wait())
        expect(job.plans).toEqual([plan(1).id, plan(1).id])
      })

      it('misses no outcome of 300 jobs that end at once', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        await (await worker()).consume(async job => made(job.plan.id), { concurrency: 8 })
        const ids = Array.from({ length: 300 }, (_, i) => i)
        const outcomes = await Promise.all(ids.map(i => (i % 2 ? a : b).submit(plan(i >> 1), wait())))
        expect(outcomes.map(textOf)).toEqual(ids.map(i => plan(i >> 1).id))
      })

      it('hands the job to the worker as it was submitted', async () => {
        const { gateway, worker } = await open()
        const seen = vi.fn(async () => made('x'))
        await (await worker()).consume(seen, { concurrency: 1 })
        const options = wait({ lane: 'background' })
        await (await gateway()).submit(plan(7), options)
        const job = { plan: plan(7), lane: 'background', deadline: options.deadline }
        expect(seen).toHaveBeenCalledExactlyOnceWith(job, expect.anything())
      })
    })

    describe('lanes', () => {
      it('runs interactive jobs before background jobs that came earlier', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const waits = [submit(queue, 1, 'background'), submit(queue, 2, 'background')]
        await waiting(queue, { interactive: 0, background: 2 })
        waits.push(submit(queue, 3), submit(queue, 4))
        await waiting(queue, { interactive: 2, background: 2 })
        const job = recorder({ outcome: made('x') })
        await (await worker()).consume(job.handler, { concurrency: 1 })
        await Promise.all(waits)
        expect(job.plans).toEqual([3, 4, 1, 2].map(i => plan(i).id))
      })

      it('tells for how long the next interactive job has waited, and nothing of background jobs', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        const waits = [submit(a, 1, 'background')]
        await waiting(a, { interactive: 0, background: 1 })
        expect((await a.stats()).oldestMs).toBe(0)
        const before = Date.now()
        waits.push(submit(a, 2))
        await waiting(b, { interactive: 1, background: 1 })
        await vi.waitFor(async () => expect((await b.stats()).oldestMs).toBeGreaterThan(300), patience)
        expect((await b.stats()).oldestMs).toBeLessThanOrEqual(Date.now() - before)
        await (await worker()).consume(async () => made('x'), { concurrency: 1 })
        await Promise.all(waits)
        await vi.waitFor(async () => expect((await b.stats()).oldestMs).toBe(0), patience)
      })

      it('raises a background job that somebody starts to wait for', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        const waits = [submit(a, 1, 'background'), submit(a, 2, 'background')]
        await waiting(a, { interactive: 0, background: 2 })
        waits.push(submit(b, 2))
        await waiting(a, { interactive: 1, background: 1 })
        const job = recorder({ outcome: made('x') })
        await (await worker()).consume(job.handler, { concurrency: 1 })
        await Promise.all(waits)
        expect(job.plans).toEqual([2, 1].map(i => plan(i).id))
      })

      it('runs a background job whose submitter has stopped waiting', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const submitted = queue.submit(plan(1), wait({ lane: 'background', ms: 300 }))
        await expect(submitted).rejects.toMatchObject({ code: 'timed_out' })
        const job = recorder({ outcome: made('x') })
        await (await worker()).consume(job.handler, { concurrency: 1 })
        await job.started(1)
      })
    })

    describe('deadlines', () => {
      it('rejects with timed_out at the deadline, and does not run the job afterwards', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        await expect(queue.submit(plan(1), wait({ ms: 300 }))).rejects.toMatchObject({ code: 'timed_out' })
        const job = recorder({ outcome: made('x') })
        await (await worker()).consume(job.handler, { concurrency: 1 })
        await queue.submit(plan(2), wait())
        expect(job.plans).toEqual([plan(2).id])
      })

      it('rejects at once when the deadline has passed', async () => {
        const queue = await (await open()).gateway()
        await expect(queue.submit(plan(1), wait({ ms: -1 }))).rejects.toMatchObject({ code: 'timed_out' })
      })

      it('lets each of several waiters wait to his own deadline', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const early = queue.submit(plan(1), wait({ ms: 300 }))
        const late = queue.submit(plan(1), wait())
        await expect(early).rejects.toMatchObject({ code: 'timed_out' })
        await (await worker()).consume(async () => made('x'), { concurrency: 1 })
        expect(textOf(await late)).toBe('x')
      })
    })

    describe('leaving', () => {
      it('rejects with the reason of the signal', async () => {
        const queue = await (await open()).gateway()
        const reason = new Error('client gone')
        const left = new AbortController()
        const submitted = queue.submit(plan(1), wait({ signal: left.signal }))
        left.abort(reason)
        await expect(submitted).rejects.toBe(reason)
        await expect(queue.submit(plan(1), wait({ signal: left.signal }))).rejects.toBe(reason)
      })

      it('takes its listener off the signal, whichever way the wait ends', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const { signal } = new AbortController()
        await queue.submit(plan(1), wait({ signal, ms: 100 })).catch(() => 'timed out')
        await (await worker()).consume(async () => made('x'), { concurrency: 1 })
        await Promise.all([2, 2, 3].map(i => queue.submit(plan(i), wait({ signal }))))
        expect(getEventListeners(signal, 'abort')).toEqual([])
      })

      it('never runs a job that everybody left before it was started', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const left = new AbortController()
        const submitted = queue.submit(plan(1), wait({ signal: left.signal }))
        await waiting(queue, { interactive: 1, background: 0 })
        left.abort()
        await expect(submitted).rejects.toThrow()
        await waiting(queue, { interactive: 0, background: 0 })
        const job = recorder({ outcome: made('x') })
        await (await worker()).consume(job.handler, { concurrency: 1 })
        await queue.submit(plan(2), wait())
        expect(job.plans).toEqual([plan(2).id])
      })

      it('aborts a started job when the last waiter has left, and not before', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        const left = [new AbortController(), new AbortController(), new AbortController()] as const
        const job = recorder()
        await (await worker()).consume(job.handler, { concurrency: 1 })
        const waits = [
          a.submit(plan(1), wait({ signal: left[0].signal })),
          a.submit(plan(1), wait({ signal: left[1].signal })),
          b.submit(plan(1), wait({ signal: left[2].signal })),
        ].map(submitted => submitted.catch(() => 'left'))
        const context = await job.started(1)
        // Joined for certain, so that the order of leaving is the order that is meant.
        await vi.waitFor(async () => expect((await b.stats()).waiters).toBeGreaterThan(0), patience)
        await submitAndRun(b, worker, 2)
        left[0].abort()
        left[1].abort()
        await submitAndRun(b, worker, 3)
        expect(context.signal.aborted).toBe(false)
        left[2].abort()
        await aborted(context.signal)
        expect(await Promise.all(waits)).toEqual(['left', 'left', 'left'])
      })

      it('makes the derivative for who comes while the job is being aborted', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const left = new AbortController()
        let runs = 0
        const hold = Promise.withResolvers<void>()
        const stopped = Promise.withResolvers<void>()
        const handler: JobHandler = async (_job, { signal }) => {
          if (++runs > 1) return made('second')
          await aborted(signal)
          stopped.resolve()
          await hold.promise
          throw signal.reason
        }
        const first = queue.submit(plan(1), wait({ signal: left.signal })).catch(() => 'left')
        await (await worker()).consume(handler, { concurrency: 2 })
        await active(queue, 1)
        left.abort()
        await stopped.promise
        const second = queue.submit(plan(1), wait())
        await vi.waitFor(async () => expect((await queue.stats()).flights).toBe(1), patience)
        hold.resolve()
        expect(textOf(await second)).toBe('second')
        expect(await first).toBe('left')
      })
    })

    describe('admission', () => {
      it('refuses further plans with overloaded, but not those that it waits for already', async () => {
        const { gateway, worker } = await open({ maxWaiting: 3 })
        const queue = await gateway()
        const waits = [1, 2, 3, 3].map(i => submit(queue, i))
        const refusal = await queue.submit(plan(4), wait()).catch((error: unknown) => error)
        expect(refusal).toMatchObject({ code: 'overloaded', retryAfter: expect.any(Number) })
        expect((refusal as MortiseError).retryAfter).toBeGreaterThanOrEqual(1)
        expect((refusal as MortiseError).retryAfter).toBeLessThanOrEqual(60)
        expect(await queue.stats()).toMatchObject({ flights: 3, waiters: 4 })
        await (await worker()).consume(async () => made('x'), { concurrency: 1 })
        await Promise.all(waits)
        expect(textOf(await submit(queue, 4))).toBe('x')
      })
    })

    describe('outcomes', () => {
      it('delivers what is told of a derivative, and its bytes', async () => {
        const { gateway, worker } = await open()
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
        const outcome: Outcome = { ok: true, derived: derived(256), bytes }
        await (await worker()).consume(async () => outcome, { concurrency: 1 })
        const got = await submit(await gateway(), 1)
        expect(got).toMatchObject({ ok: true, derived: derived(256) })
        expect(got.ok && got.bytes && Buffer.compare(got.bytes, bytes)).toBe(0)
      })

      it.each([200_000, 12_000_000])('delivers %s bytes that no storage keeps', async size => {
        const { gateway, worker } = await open()
        const bytes = Buffer.alloc(size, 'pixels')
        const unstored = { code: 'unsupported', message: 'kept nowhere' } as const
        const outcome: Outcome = { ok: true, derived: derived(size), bytes, unstored }
        await (await worker()).consume(async () => outcome, { concurrency: 1 })
        const queue = await gateway()
        const got = await Promise.all([submit(queue, 1), submit(queue, 1)])
        for (const one of got) expect(one.ok && one.bytes && bytes.equals(one.bytes)).toBe(true)
      })

      it('delivers a failure with its code', async () => {
        const { gateway, worker } = await open()
        const failure = { code: 'undecodable', message: 'no image', retryAfter: 7 } as const
        await (await worker()).consume(async () => ({ ok: false, failure }), { concurrency: 1 })
        expect(await submit(await gateway(), 1)).toEqual({ ok: false, failure })
      })

      it.each([
        ['a code that cannot pass', new MortiseError('no_such_object', 'not there'), 'no_such_object'],
        ['a bug', new TypeError('oops'), 'internal'],
      ])('ends a job that throws %s at the first attempt', async (_, error, code) => {
        const { gateway, worker } = await open()
        const job = recorder({ error })
        await (await worker()).consume(job.handler, { concurrency: 1 })
        expect(await submit(await gateway(), 1)).toEqual({ ok: false, failure: { code, message: error.message } })
        expect(job.plans).toHaveLength(1)
      })

      it('tries again what may pass, and delivers the outcome of the last attempt', async () => {
        const { gateway, worker } = await open()
        let attempts = 0
        const flaky: JobHandler = async () => {
          if (++attempts < 3) throw new MortiseError('storage_unavailable', `attempt ${attempts}`)
          return made('third')
        }
        await (await worker()).consume(flaky, { concurrency: 1 })
        expect(textOf(await submit(await gateway(), 1))).toBe('third')
      })

      it('delivers the failure of the last attempt when all are used up', async () => {
        const { gateway, worker } = await open({ attempts: 2 })
        let attempts = 0
        const failing: JobHandler = async () => {
          throw new MortiseError('storage_unavailable', `attempt ${++attempts}`, { retryAfter: 3 })
        }
        await (await worker()).consume(failing, { concurrency: 1 })
        const failure = { code: 'storage_unavailable', message: 'attempt 2', retryAfter: 3 }
        expect(await submit(await gateway(), 1)).toEqual({ ok: false, failure })
        expect(attempts).toBe(2)
      })
    })

    describe('early answers', () => {
      it('answers before the job ends, and counts the job as active until it does', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const job = recorder()
        await (await worker()).consume(job.handler, { concurrency: 1 })
        const submitted = submit(queue, 1)
        const context = await job.started(1)
        context.answer(made('early'))
        expect(textOf(await submitted)).toBe('early')
        expect(await queue.stats()).toMatchObject({ flights: 0 })
        await active(queue, 1)
        job.finish(made('late'))
        await active(queue, 0)
      })

      it('answers those who come while the job still stores, without running it again', async () => {
        const { gateway, worker } = await open()
        const [a, b] = [await gateway(), await gateway()]
        const job = recorder()
        await (await worker()).consume(job.handler, { concurrency: 2 })
        const first = submit(a, 1)
        const context = await job.started(1)
        context.answer(made('early'))
        expect(textOf(await first)).toBe('early')
        expect(textOf(await submit(b, 1))).toBe('early')
        expect(textOf(await submit(a, 1))).toBe('early')
        expect(context.signal.aborted).toBe(false)
        job.finish(made('late'))
        await active(a, 0)
        expect(job.plans).toHaveLength(1)
      })

      it('answers a failure early', async () => {
        const { gateway, worker } = await open()
        const job = recorder()
        await (await worker()).consume(job.handler, { concurrency: 1 })
        const submitted = submit(await gateway(), 1)
        const context = await job.started(1)
        const failure = { code: 'limit_exceeded', message: 'too many pixels' } as const
        context.answer({ ok: false, failure })
        expect(await submitted).toEqual({ ok: false, failure })
        job.finish({ ok: false, failure })
      })

      it('keeps to an answer, whatever the job ends with right after it', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const failure = { code: 'storage_unavailable', message: 'not stored' } as const
        await (await worker()).consume(
          async (job, context) => {
            context.answer(made(job.plan.id))
            return { ok: false, failure }
          },
          { concurrency: 8 },
        )
        const plans = Array.from({ length: 100 }, (_, i) => i)
        const outcomes = await Promise.all(plans.map(i => submit(queue, i)))
        expect(outcomes.map(textOf)).toEqual(plans.map(i => plan(i).id))
      })

      it('takes the first answer only', async () => {
        const { gateway, worker } = await open()
        const job = recorder()
        await (await worker()).consume(job.handler, { concurrency: 1 })
        const submitted = submit(await gateway(), 1)
        const context = await job.started(1)
        context.answer(made('first'))
        context.answer(made('second'))
        job.finish(made('third'))
        expect(textOf(await submitted)).toBe('first')
      })
    })

    describe('draining', () => {
      it('finishes what is in hand, and takes nothing more', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const job = recorder()
        const consumer = await (await worker()).consume(job.handler, { concurrency: 1 })
        const first = submit(queue, 1)
        await job.started(1)
        const closed = consumer.close(10_000)
        const second = submit(queue, 2)
        await waiting(queue, { interactive: 1, background: 0 })
        expect(consumer.active).toBe(1)
        job.finish(made('x'))
        await closed
        expect(textOf(await first)).toBe('x')
        expect(consumer.active).toBe(0)
        expect(job.plans).toEqual([plan(1).id])
        await (await worker()).consume(async () => made('y'), { concurrency: 1 })
        expect(textOf(await second)).toBe('y')
      })

      it.each([
        ['stops when it is told to', true],
        ['does not stop', false],
      ])('hands a job back whose handler %s, and another consumer runs it', async (_, obedient) => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const stuck = Promise.withResolvers<Outcome>()
        const signals: AbortSignal[] = []
        const handler: JobHandler = async (_job, { signal }) => {
          signals.push(signal)
          if (!obedient) return stuck.promise
          await aborted(signal)
          throw signal.reason
        }
        const consumer = await (await worker()).consume(handler, { concurrency: 1 })
        const submitted = submit(queue, 1)
        await vi.waitFor(() => expect(signals).toHaveLength(1), patience)
        await consumer.close(50)
        expect(signals[0]?.aborted).toBe(true)
        await (await worker()).consume(async () => made('other'), { concurrency: 1 })
        expect(textOf(await submitted)).toBe('other')
        stuck.resolve(made('too late'))
      })

      it('gives handed back jobs to a consumer that is already idle', async () => {
        const { gateway, worker } = await open()
        const queue = await gateway()
        const started = Promise.withResolvers<Consumer>()
        const [a, b] = [await worker(), await worker()]
        const consumers: Consumer[] = []
        const first = (own: number): JobHandler => {
          return async (_job, { signal }) => {
            const consumer = consumers[own]
            if (!consumer || runs++ > 0) return made('again')
            started.resolve(consumer)
            await aborted(signal)
            throw signal.reason
          }
        }
        let runs = 0
        consumers.push(await a.consume(first(0), { concurrency: 1 }), await b.consume(first(1), { concurrency: 1 }))
        const submitted = submit(queue, 1)
        await (await started.promise).close(0)
        expect(textOf(await submitted)).toBe('again')
      })
    })

    describe('its end', () => {
      it('rejects who waits, and who comes later, with queue_unavailable', async () => {
        const queue = await (await open()).gateway()
        const submitted = submit(queue, 1)
        const rejected = expect(submitted).rejects.toMatchObject({ code: 'queue_unavailable' })
        await waiting(queue, { interactive: 1, background: 0 })
        await queue.close()
        await rejected
        await expect(submit(queue, 2)).rejects.toMatchObject({ code: 'queue_unavailable' })
        await expect(queue.consume(async () => made('x'), { concurrency: 1 })).rejects.toMatchObject({
          code: 'queue_unavailable',
        })
        await queue.close()
        queues = queues.filter(other => other !== queue)
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
const farMs = 20_000

export function plan(i: number): Plan {
  const content: Omit<Plan, 'id'> = {
    original: { storage: 'media/basic', bucket: 'media', key: `/photo-${i}.jpg` },
    passes: [],
    output: { format: 'original', quality: null, progressive: false, metadata: 'strip' },
    derivative: { storage: 'media/transform', bucket: 'media', key: `/${i}` },
  }
  return { id: planId(content), ...content }
}

export function made(content: string | Uint8Array): Outcome {
  const bytes = Buffer.from(content)
  return { ok: true, derived: derived(bytes.byteLength), bytes }
}

function derived(size: number) {
  return {
    size,
    contentType: 'image/png',
    etag: 'e'.repeat(32),
    original: 'v1',
    lastModified: 1_700_000_000_000,
    width: 10,
    height: 20,
  }
}

/** The body of an outcome that `made` made; a failure is a failed test. */
export function textOf(outcome: Outcome): string {
  if (!outcome.ok) throw new Error(`${outcome.failure.code}: ${outcome.failure.message}`)
  return Buffer.from(outcome.bytes ?? []).toString()
}

export function wait({ lane = 'interactive' as Lane, ms = farMs, signal = new AbortController().signal } = {}) {
  return { lane, deadline: Date.now() + ms, signal }
}

function submit(queue: JobQueue, i: number, lane: Lane = 'interactive') {
  return queue.submit(plan(i), wait({ lane }))
}

/** A handler that tells what it was given, and ends as it is told to: at once when the end is known. */
export function recorder({ outcome, error }: { outcome?: Outcome; error?: unknown } = {}) {
  const plans: string[] = []
  const contexts: JobContext[] = []
  const end = Promise.withResolvers<Outcome>()
  end.promise.catch(() => undefined)
  if (outcome) end.resolve(outcome)
  if (error) end.reject(error)
  const handler: JobHandler = async ({ plan }, context) => {
    plans.push(plan.id)
    contexts.push(context)
    return Promise.race([end.promise, aborted(context.signal).then(() => Promise.reject(context.signal.reason))])
  }
  return {
    handler,
    plans,
    finish: end.resolve,
    async started(count: number): Promise<JobContext> {
      await vi.waitFor(() => expect(contexts.length).toBeGreaterThanOrEqual(count), patience)
      return contexts[count - 1]!
    },
  }
}

export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

async function waiting(queue: JobQueue, counts: Record<Lane, number>) {
  await vi.waitFor(async () => expect((await queue.stats()).waiting).toEqual(counts), patience)
}

async function active(queue: JobQueue, count: number) {
  await vi.waitFor(async () => expect((await queue.stats()).active).toBe(count), patience)
}

/** A job of its own, from submit to end: what was sent before it has arrived after it. */
async function submitAndRun(queue: JobQueue, worker: () => Promise<JobQueue>, i: number) {
  const consumer = await (await worker()).consume(async () => made('x'), { concurrency: 1 })
  await submit(queue, i)
  await consumer.close(5_000)
}

async function expectNobodyLeft(queue: JobQueue) {
  await vi.waitFor(async () => expect(await queue.stats()).toMatchObject({ flights: 0, waiters: 0 }), patience)
}
