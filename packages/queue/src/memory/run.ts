import type { JobHandler } from '../queue.ts'
import type { Task } from './backlog.ts'

/** One who takes jobs, with those that he has in hand. */
export type MemoryConsumer = {
  readonly handler: JobHandler
  readonly concurrency: number
  readonly runs: Map<Task, Run>
  /** It takes more. */
  open: boolean
}

/** One run of a job. */
export type Run = { readonly abort: AbortController; readonly consumer: MemoryConsumer; done: Promise<void> }

/** When all that is in hand now has ended. */
export async function idle({ runs }: MemoryConsumer): Promise<void> {
  await Promise.all([...runs.values()].map(run => run.done))
}
