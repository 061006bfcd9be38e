import type { Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { Reply, Task } from './thread.ts'

export type Threads = {
  /**
   * Moves the bytes of the task to a free thread. Rejects only when the thread ended before it replied, and not before
   * its native work did.
   */
  run(task: Task): Promise<Reply>
  destroy(): Promise<void>
}

/** `count` threads that stay until they are destroyed. Never runs more tasks at one time than that. */
export function createThreads(count: number): Threads {
  const piscina = new Piscina<Task, Reply>({
    filename: new URL('./thread.ts', import.meta.url).href,
    minThreads: count,
    maxThreads: count,
    idleTimeout: Number.POSITIVE_INFINITY,
    concurrentTasksPerWorker: 1,
    // Who waits, waits in a budget of the pool, where leaving the line is safe. Here is room for a thread's replacement.
    maxQueue: count,
    recordTiming: false,
    // Parked threads start a task sooner. They have nothing else to do: a render ends before it replies.
    atomics: 'sync',
  })
  // An idle thread that ends is replaced; a busy one rejects its task.
  piscina.on('error', () => {})
  const exits = new Map<Worker, Promise<void>>()

  function watchExits() {
    for (const worker of piscina.threads) {
      if (exits.has(worker)) continue
      const exit = new Promise<void>(resolve => worker.once('exit', () => resolve()))
      exits.set(
        worker,
        exit.then(() => void exits.delete(worker)),
      )
    }
  }

  async function run(task: Task): Promise<Reply> {
    watchExits()
    try {
      // No signal: Piscina would end the thread, start another one, and leave the native work of the first running.
      return await piscina.run(task, { transferList: [task.bytes.buffer] })
    } catch (error) {
      // A thread that Piscina gave up exits when its native work has ended; sharp's own counters never come down again.
      const alive = new Set(piscina.threads)
      await Promise.all([...exits].filter(([worker]) => !alive.has(worker)).map(([, exit]) => exit))
      throw error
    }
  }

  return { run, destroy: () => piscina.destroy() }
}
