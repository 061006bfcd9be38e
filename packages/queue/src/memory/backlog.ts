import { createAlarms } from '../alarms.ts'
import { backOff } from '../attempt.ts'
import { createFifo } from '../fifo.ts'
import type { Job, Lane, Outcome, QueueStats } from '../queue.ts'
import type { Run } from './run.ts'

/** A job that has not ended. */
export type Task = {
  readonly job: Job
  lane: Lane
  /** The number of the attempt that is running or comes next, from 1. */
  attempt: number
  /** When it was submitted, ms since the epoch. */
  readonly since: number
  answered: Outcome | undefined
  /** It waits for this time (ms since the epoch) to be tried again. */
  rests: number | undefined
  /** The run in hand; a run that is not this one any more has lost the job. */
  run: Run | undefined
}

/** All jobs that have not ended: those that wait in their lanes, those that rest, those that run. */
export type Backlog = {
  readonly size: number
  readonly waiting: QueueStats['waiting']
  readonly oldestMs: number
  get(planId: string): Task | undefined
  all(): Task[]
  add(job: Job): void
  /** Background work that somebody waits for now. */
  raise(task: Task): void
  /** What was in hand waits again, as the `first` or the `last` of its lane. */
  putBack(task: Task, place: 'first' | 'last'): void
  /** It is to be tried again after a while. */
  rest(task: Task): void
  /** Ends it, wherever it is. */
  drop(task: Task): void
  /** Takes the job that is to run next. */
  next(): Task | undefined
}

/** `backOffMs`: before the second attempt; `ready`: told of every job that has begun to wait. */
export function createBacklog(backOffMs: number, ready: () => void): Backlog {
  const tasks = new Map<string, Task>()
  const lanes = { interactive: createFifo<Task>(), background: createFifo<Task>() }
  const resting = createAlarms<Task>(task => putBack(task, 'last'))

  function putBack(task: Task, place: 'first' | 'last') {
    task.rests = undefined
    if (place === 'first') lanes[task.lane].unshift(task)
    else lanes[task.lane].push(task)
    ready()
  }

  return {
    get size() {
      return tasks.size
    },
    get waiting() {
      return { interactive: lanes.interactive.size, background: lanes.background.size }
    },
    get oldestMs() {
      const { first } = lanes.interactive
      return first ? Math.max(0, Date.now() - first.since) : 0
    },
    get: planId => tasks.get(planId),
    all: () => [...tasks.values()],
    add(job) {
      const fresh = { attempt: 1, since: Date.now(), answered: undefined, rests: undefined, run: undefined }
      const task: Task = { job, lane: job.lane, ...fresh }
      tasks.set(job.plan.id, task)
      putBack(task, 'last')
    },
    raise(task) {
      if (lanes[task.lane].remove(task)) lanes.interactive.push(task)
      task.lane = 'interactive'
    },
    putBack,
    rest(task) {
      task.rests = Date.now() + backOff(task.attempt++, backOffMs)
      resting.set(task, task.rests)
    },
    drop(task) {
      tasks.delete(task.job.plan.id)
      lanes[task.lane].remove(task)
      if (task.rests !== undefined) resting.clear(task, task.rests)
    },
    next: () => lanes.interactive.shift() ?? lanes.background.shift(),
  }
}
