import { within } from '@mortise/async'
import { MortiseError, toFailure } from '@mortise/errors'
import { abortedMs, attempt, triesAgain } from './attempt.ts'
import { createFlights, type Flight } from './flights.ts'
import { createBacklog, type Task } from './memory/backlog.ts'
import { idle, type MemoryConsumer, type Run } from './memory/run.ts'
import type { ConsumeOptions, Consumer, JobHandler, JobQueue, Outcome } from './queue.ts'

export type MemoryQueueOptions = {
  /** Jobs for which submitters may wait at one time. */
  maxWaiting: number
  /** How often a job is run at most when it fails with what may pass. Default 3. */
  attempts?: number
  /** Before the second attempt; doubled for each further one. Default 200. */
  backOffMs?: number
}

/**
 * The queue of one process: no copies, no backend, nothing survives the process. It holds at most `maxWaiting` jobs for
 * which somebody waits, and as many again of the background ones whose submitters have stopped waiting.
 */
export function createMemoryQueue({ maxWaiting, attempts = 3, backOffMs = 200 }: MemoryQueueOptions): JobQueue {
  const backlog = createBacklog(backOffMs, dispatch)
  const consumers = new Set<MemoryConsumer>()
  const flights = createFlights<null>(maxWaiting, { open: () => null, opened, raised, left })
  let active = 0
  let closed: MortiseError | undefined

  function opened({ plan, lane, deadline }: Flight<null>) {
    const task = backlog.get(plan.id)
    if (!task) return backlog.add({ plan, lane, deadline })
    if (task.answered) return settle(task, task.answered)
    if (lane === 'interactive') backlog.raise(task)
  }

  function raised({ plan, lane }: Flight<null>) {
    const task = backlog.get(plan.id)
    if (task && lane === 'interactive') backlog.raise(task)
  }

  function left({ plan, kept, lane }: Flight<null>) {
    const task = backlog.get(plan.id)
    if (!task || task.answered) return
    const wanted = kept || (task.job.lane === 'background' && lane === 'interactive')
    if (wanted && backlog.size <= 2 * maxWaiting) return
    if (task.run) task.run.abort.abort(new MortiseError('cancelled', 'everybody who waited has left'))
    else backlog.drop(task)
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
    active++
    const run: Run = { abort: new AbortController(), consumer, done: Promise.resolve() }
    task.run = run
    consumer.runs.set(task, run)
    run.done = work(task, run)
  }

  async function work(task: Task, run: Run) {
    const { job } = task
    const end = await attempt(run.consumer.handler, job, {
      signal: run.abort.signal,
      answer: outcome => answer(task, run, outcome),
    })
    if (task.run !== run) return
    release(task, run)
    if ('outcome' in end) finish(task, end.outcome)
    else if (!run.consumer.open && run.abort.signal.aborted) backlog.putBack(task, 'first')
    else if (run.abort.signal.aborted && !flights.get(job.plan.id)) backlog.drop(task)
    else if (run.abort.signal.aborted) backlog.putBack(task, 'last')
    else if (triesAgain(end.error, job, task.attempt, attempts)) backlog.rest(task)
    else finish(task, { ok: false, failure: toFailure(end.error) })
    dispatch()
  }

  function release(task: Task, run: Run) {
    active--
    task.run = undefined
    run.consumer.runs.delete(task)
  }

  function answer(task: Task, run: Run, outcome: Outcome) {
    if (task.run !== run || task.answered) return
    task.answered = outcome
    settle(task, outcome)
  }

  function finish(task: Task, outcome: Outcome) {
    backlog.drop(task)
    settle(task, outcome)
  }

  function settle({ job }: Task, outcome: Outcome) {
    const flight = flights.get(job.plan.id)
    if (flight) flights.settle(flight, outcome)
  }

  async function drain(consumer: MemoryConsumer, graceMs: number) {
    consumer.open = false
    if (await within(idle(consumer), graceMs)) return
    for (const run of consumer.runs.values()) run.abort.abort(new MortiseError('cancelled', 'the worker is closing'))
    if (await within(idle(consumer), abortedMs)) return
    for (const [task, run] of [...consumer.runs]) {
      release(task, run)
      backlog.putBack(task, 'first')
    }
  }

  async function consume(handler: JobHandler, { concurrency }: ConsumeOptions): Promise<Consumer> {
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
    flights.close(closed)
    for (const task of backlog.all()) if (!task.run) backlog.drop(task)
    await Promise.all([...consumers].map(consumer => drain(consumer, 0)))
    for (const task of backlog.all()) backlog.drop(task)
    consumers.clear()
  }

  return {
    submit: flights.submit,
    consume,
    stats: async () => {
      const { waiting, oldestMs } = backlog
      return { waiting, oldestMs, active, flights: flights.size, waiters: flights.waiters }
    },
    ping: async signal => signal.throwIfAborted(),
    close,
    [Symbol.asyncDispose]: close,
  }
}
