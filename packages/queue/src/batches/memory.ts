import { untilAborted, within } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import { abortedMs } from '../attempt.ts'
import type { Batch, BatchHandler, BatchOutcome, BatchQueue } from '../batches.ts'
import type { Consumer } from '../queue.ts'
import { attemptBatch, triesAgain } from './attempt.ts'
import { allFailed, proveBatch, refusal } from './batch.ts'
import { createBacklog, type Task } from './memory/backlog.ts'
import { idle, type MemoryConsumer, type Run } from './memory/run.ts'

export type MemoryBatchesOptions = {
  /** Batches that may wait at one time; and as many may be waited for. */
  maxBackground: number
  /** How often a batch is run at most when it fails with what may pass. Default 3. */
  attempts?: number
  /** Before the second attempt; doubled for each further one. Default 200. */
  backOffMs?: number
}

/** The background lane of one process; nothing survives it. */
export function createMemoryBatches(options: MemoryBatchesOptions): BatchQueue {
  const { maxBackground, attempts = 3, backOffMs = 200 } = options
  const backlog = createBacklog(maxBackground, backOffMs, dispatch)
  const consumers = new Set<MemoryConsumer>()
  let waiters = 0
  let closed: MortiseError | undefined

  function place(batch: Batch): Task {
    if (closed) throw closed
    proveBatch(batch)
    return backlog.add(batch)
  }

  async function run(batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
    signal.throwIfAborted()
    if (waiters >= maxBackground) throw refusal(waiters)
    const end = Promise.withResolvers<BatchOutcome>()
    const task = place(batch)
    task.waiters.add(end)
    waiters++
    try {
      return await untilAborted(end.promise, signal)
    } finally {
      waiters--
      task.waiters.delete(end)
    }
  }

  function dispatch() {
    for (const consumer of consumers) {
      while (consumer.open && consumer.runs.size < consumer.concurrency) {
        const task = backlog.next()
        if (!task) return
        start(task, consumer)
      }
    }
  }

  function start(task: Task, consumer: MemoryConsumer) {
    const run: Run = { abort: new AbortController(), consumer, done: Promise.resolve() }
    task.run = run
    consumer.runs.set(task, run)
    run.done = work(task, run)
  }

  async function work(task: Task, run: Run) {
    const { signal } = run.abort
    const end = await attemptBatch(run.consumer.handler, task.batch, { signal })
    if (task.run !== run) return
    if ('outcome' in end) finish(task, run, end.outcome)
    else if (signal.aborted) letGo(task, run, 'first')
    else if (triesAgain(end.error, task.attempt, attempts)) letGo(task, run, 'later')
    else finish(task, run, allFailed(task.batch, end.error))
  }

  function finish(task: Task, run: Run, outcome: BatchOutcome) {
    for (const waiter of task.waiters) waiter.resolve(outcome)
    letGo(task, run, 'over')
  }

  function letGo(task: Task, { consumer }: Run, fate: Parameters<typeof backlog.release>[1]) {
    task.run = undefined
    consumer.runs.delete(task)
    backlog.release(task, fate)
  }

  async function drain(consumer: MemoryConsumer, graceMs: number) {
    consumer.open = false
    if (await within(idle(consumer), graceMs)) return
    for (const run of consumer.runs.values()) run.abort.abort(new MortiseError('cancelled', 'the worker is closing'))
    if (await within(idle(consumer), abortedMs)) return
    for (const [task, run] of [...consumer.runs]) letGo(task, run, 'first')
  }

  async function consume(handler: BatchHandler, { concurrency }: { concurrency: number }): Promise<Consumer> {
    if (closed) throw closed
    const consumer: MemoryConsumer = { handler, concurrency, runs: new Map(), open: true }
    consumers.add(consumer)
    dispatch()
    let closing: Promise<void> | undefined
    const close = (ms: number) => (closing ??= drain(consumer, ms).finally(() => consumers.delete(consumer)))
    return {
      get active() {
        return consumer.runs.size
      },
      close,
      [Symbol.asyncDispose]: () => close(0),
    }
  }

  async function close() {
    closed ??= new MortiseError('queue_unavailable', 'the queue is closed')
    for (const task of backlog.all()) for (const waiter of task.waiters) waiter.reject(closed)
    await Promise.all([...consumers].map(consumer => drain(consumer, 0)))
    backlog.clear()
    consumers.clear()
  }

  return {
    add: async batch => void place(batch),
    run,
    consume,
    stats: async () => ({ waiting: backlog.waiting, active: backlog.active }),
    ping: async signal => signal.throwIfAborted(),
    close,
    [Symbol.asyncDispose]: close,
  }
}
