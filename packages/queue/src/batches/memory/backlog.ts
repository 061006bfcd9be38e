import { createAlarms } from '../../alarms.ts'
import { backOff } from '../../attempt.ts'
import type { Batch, BatchOutcome } from '../../batches.ts'
import { createFifo } from '../../fifo.ts'
import { originalId, refusal, unite } from '../batch.ts'
import type { Run } from './run.ts'

/** A batch that has not ended. */
export type Task = {
  readonly originalId: string
  batch: Batch
  /** The number of the attempt that is running or comes next, from 1. */
  attempt: number
  /** It waits for this time (ms since the epoch) to be tried again. */
  rests: number | undefined
  /** The run in hand; a run that is not this one any more has lost the batch. */
  run: Run | undefined
  readonly waiters: Set<PromiseWithResolvers<BatchOutcome>>
}

/** All batches that have not ended: of each original, at most one in hand, and at most one that never has been. */
export type Backlog = {
  readonly waiting: number
  readonly active: number
  all(): Task[]
  /** The task that has the plans of this batch now. Throws `overloaded`. */
  add(batch: Batch): Task
  /** Takes the batch that is to run next; its original is kept from others until `release`. */
  next(): Task | undefined
  /** It is not in hand any more: it has ended (`over`), waits again as the `first`, or is to be tried again `later`. */
  release(task: Task, fate: 'over' | 'first' | 'later'): void
  /** Forgets what waits. */
  clear(): void
}

/** `backOffMs`: before the second attempt; `ready`: told when there may be one to be taken. */
export function createBacklog(maxBackground: number, backOffMs: number, ready: () => void): Backlog {
  const tasks = new Set<Task>()
  /** The task of an original that takes further plans. */
  const joinable = new Map<string, Task>()
  const line = createFifo<Task>()
  /** Originals that are being worked on, with the batches that wait for them. */
  const busy = new Map<string, Task[]>()
  const resting = createAlarms<Task>(task => {
    task.rests = undefined
    line.push(task)
    ready()
  })
  let inHand = 0

  function joinOrCreate(batch: Batch): Task {
    const id = originalId(batch.original)
    const present = joinable.get(id)
    if (present) {
      present.batch = unite(present.batch, batch)
      return present
    }
    const waiting = tasks.size - inHand
    if (waiting >= maxBackground) throw refusal(waiting)
    const task: Task = { originalId: id, batch, attempt: 1, rests: undefined, run: undefined, waiters: new Set() }
    tasks.add(task)
    joinable.set(id, task)
    line.push(task)
    return task
  }

  function next(): Task | undefined {
    for (let task = line.shift(); task; task = line.shift()) {
      const held = busy.get(task.originalId)
      if (held) {
        held.push(task)
        continue
      }
      inHand++
      busy.set(task.originalId, [])
      if (joinable.get(task.originalId) === task) joinable.delete(task.originalId)
      return task
    }
    return undefined
  }

  function release(task: Task, fate: 'over' | 'first' | 'later') {
    inHand--
    const held = busy.get(task.originalId) ?? []
    busy.delete(task.originalId)
    for (const other of held.reverse()) line.unshift(other)
    if (fate === 'over') tasks.delete(task)
    if (fate === 'first') line.unshift(task)
    if (fate === 'later') {
      task.rests = Date.now() + backOff(task.attempt++, backOffMs)
      resting.set(task, task.rests)
    }
    ready()
  }

  function clear() {
    for (const task of tasks) {
      line.remove(task)
      if (task.rests !== undefined) resting.clear(task, task.rests)
    }
    tasks.clear()
    joinable.clear()
    busy.clear()
  }

  return {
    get waiting() {
      return tasks.size - inHand
    },
    get active() {
      return inHand
    },
    all: () => [...tasks],
    add(batch) {
      const task = joinOrCreate(batch)
      ready()
      return task
    },
    next,
    release,
    clear,
  }
}
