import { MortiseError, toFailure } from '@mortise/errors'
import { createAlarms } from './alarms.ts'
import { abortedMs, attempt, backOff, triesAgain } from './attempt.ts'
import { createFlights, type Flight } from './flights.ts'
import { createLine } from './line.ts'
import type { ConsumeOptions, Consumer, Job, JobHandler, JobQueue, Lane, Outcome } from './queue.ts'
import { within } from './within.ts'

export type MemoryQueueOptions = {
  /** Jobs for which submitters may wait at one time. */
  maxWaiting: number
  /** How often a job is run at most when it fails with what may pass. Default 3. */
  attempts?: number
  /** Before the second attempt; doubled for each further one. Default 200. */
  backoffMs?: number
}

type Task = {
  job: Job
  lane: Lane
  attempt: number
  answered: Outcome | undefined
  /** It waits for this time (ms since the epoch) to be tried again. */
  rests: number | undefined
  /** The run in hand; a run that is not this one any more has lost the job. */
  run: Run | undefined
}
type Run = { abort: AbortController; crew: Crew; done: Promise<void> }
type Crew = { handler: JobHandler; concurrency: number; runs: Map<Task, Run>; open: boolean }

/**
 * The queue of one process: no copies, no backend, nothing survives the process. It holds at most `maxWaiting` jobs for
 * which somebody waits, and as many again of the background ones whose submitters have stopped waiting.
 */
export function createMemoryQueue({ maxWaiting, attempts = 3, backoffMs = 200 }: MemoryQueueOptions): JobQueue {
  const tasks = new Map<string, Task>()
  const lines = { interactive: createLine<Task>(), background: createLine<Task>() }
  const crews = new Set<Crew>()
  const resting = createAlarms<Task>(task => enter(task, 'join'))
  const flights = createFlights<null>(maxWaiting, { open: () => null, opened, raised, left })
  let active = 0
  let closed: MortiseError | undefined

  function opened({ plan, lane, deadline }: Flight<null>) {
    const task = tasks.get(plan.id)
    if (!task) return add({ plan, lane, deadline })
    if (task.answered) return settle(task, task.answered)
    if (lane === 'interactive') quicken(task)
  }

  function add(job: Job) {
    const task: Task = { job, lane: job.lane, attempt: 1, answered: undefined, rests: undefined, run: undefined }
    tasks.set(job.plan.id, task)
    enter(task, 'join')
  }

  function raised({ plan, lane }: Flight<null>) {
    const task = tasks.get(plan.id)
    if (task && lane === 'interactive') quicken(task)
  }

  function quicken(task: Task) {
    if (lines[task.lane].leave(task)) lines.interactive.join(task)
    task.lane = 'interactive'
  }

  function left({ plan, kept, lane }: Flight<null>) {
    const task = tasks.get(plan.id)
    if (!task || task.answered) return
    const wanted = kept || (task.job.lane === 'background' && lane === 'interactive')
    if (wanted && tasks.size <= 2 * maxWaiting) return
    if (task.run) task.run.abort.abort(new MortiseError('cancelled', 'everybody who waited has left'))
    else drop(task)
  }

  function enter(task: Task, how: 'join' | 'jump') {
    task.rests = undefined
    lines[task.lane][how](task)
    dispatch()
  }

  function rest(task: Task) {
    task.rests = Date.now() + backOff(task.attempt++, backoffMs)
    resting.set(task, task.rests)
  }

  function drop(task: Task) {
    tasks.delete(task.job.plan.id)
    lines[task.lane].leave(task)
    if (task.rests !== undefined) resting.clear(task, task.rests)
  }

  function dispatch() {
    for (const crew of crews) {
      while (crew.open && crew.runs.size < crew.concurrency) {
        const task = lines.interactive.next() ?? lines.background.next()
        if (!task) return
        start(task, crew)
      }
    }
  }

  function start(task: Task, crew: Crew) {
    active++
    const run: Run = { abort: new AbortController(), crew, done: Promise.resolve() }
    task.run = run
    crew.runs.set(task, run)
    run.done = work(task, run)
  }

  async function work(task: Task, run: Run) {
    const { job } = task
    const end = await attempt(run.crew.handler, job, {
      signal: run.abort.signal,
      answer: outcome => answer(task, run, outcome),
    })
    if (task.run !== run) return
    release(task, run)
    if ('outcome' in end) finish(task, end.outcome)
    else if (!run.crew.open && run.abort.signal.aborted) enter(task, 'jump')
    else if (run.abort.signal.aborted && !flights.get(job.plan.id)) drop(task)
    else if (run.abort.signal.aborted) enter(task, 'join')
    else if (triesAgain(end.error, job, task.attempt, attempts)) rest(task)
    else finish(task, { ok: false, failure: toFailure(end.error) })
    dispatch()
  }

  function release(task: Task, run: Run) {
    active--
    task.run = undefined
    run.crew.runs.delete(task)
  }

  function answer(task: Task, run: Run, outcome: Outcome) {
    if (task.run !== run || task.answered) return
    task.answered = outcome
    settle(task, outcome)
  }

  function finish(task: Task, outcome: Outcome) {
    drop(task)
    settle(task, outcome)
  }

  function settle({ job }: Task, outcome: Outcome) {
    const flight = flights.get(job.plan.id)
    if (flight) flights.settle(flight, outcome)
  }

  async function drain(crew: Crew, graceMs: number) {
    crew.open = false
    if (await within(idle(crew), graceMs)) return
    for (const run of crew.runs.values()) run.abort.abort(new MortiseError('cancelled', 'the worker is closing'))
    if (await within(idle(crew), abortedMs)) return
    for (const [task, run] of [...crew.runs]) {
      release(task, run)
      enter(task, 'jump')
    }
  }

  async function consume(handler: JobHandler, { concurrency }: ConsumeOptions): Promise<Consumer> {
    if (closed) throw closed
    const crew: Crew = { handler, concurrency, runs: new Map(), open: true }
    crews.add(crew)
    dispatch()
    let closing: Promise<void> | undefined
    const close = (graceMs: number) => (closing ??= drain(crew, graceMs).finally(() => crews.delete(crew)))
    return {
      get active() {
        return crew.runs.size
      },
      close,
      [Symbol.asyncDispose]: () => close(0),
    }
  }

  async function close() {
    closed ??= new MortiseError('queue_unavailable', 'the queue is closed')
    flights.close(closed)
    for (const task of [...tasks.values()]) if (!task.run) drop(task)
    await Promise.all([...crews].map(crew => drain(crew, 0)))
    for (const task of [...tasks.values()]) drop(task)
    crews.clear()
  }

  return {
    submit: flights.submit,
    consume,
    stats: async () => ({
      waiting: { interactive: lines.interactive.size, background: lines.background.size },
      active,
      flights: flights.size,
      waiters: flights.waiters,
    }),
    ping: async signal => signal.throwIfAborted(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function idle(crew: Crew): Promise<void> {
  await Promise.all([...crew.runs.values()].map(run => run.done))
}
