import type { BatchHandler } from '../../batches.ts'
import type { Task } from './backlog.ts'

/** One who takes batches, with those that he has in hand. */
export type MemoryConsumer = {
  readonly handler: BatchHandler
  readonly concurrency: number
  readonly runs: Map<Task, Run>
  /** It takes more. */
  open: boolean
}

/** One run of a batch. */
export type Run = { readonly abort: AbortController; readonly consumer: MemoryConsumer; done: Promise<void> }

/** When all that is in hand now has ended. */
export async function idle({ runs }: MemoryConsumer): Promise<void> {
  await Promise.all([...runs.values()].map(run => run.done))
}
