import type { Worker } from 'node:worker_threads'
import { fromFailure, MortiseError } from '@mortise/errors'
import { Piscina } from 'piscina'
import type { Source } from './source.ts'
import type { Drawing } from './svg/drawing.ts'
import type { Reply, SharedReply, SharedTask, Task } from './thread.ts'
import type { Rendered } from './types.ts'

export type Threads = {
  /**
   * Moves the bytes of the task and of its overlays to a free thread. Throws what the render throws, and `internal` when
   * the thread ended before it replied; then not before its native work did.
   */
  render(task: Task): Promise<Rendered>
  /** The same, and the source is moved back with the reply. Throws only `internal`: then the source is lost. */
  share<T extends Rendered | Source>(task: SharedTask): Promise<SharedReply<T>>
  /** Looks through a copy of an SVG. Throws as {@link readDrawing} and {@link Threads.render} do. */
  look(bytes: Uint8Array): Promise<Drawing>
  destroy(): Promise<void>
}

/** `count` threads that stay until they are destroyed. Its owner never asks for more at one time than that. */
export function createThreads(count: number): Threads {
  const piscina = new Piscina<Task | Uint8Array, unknown>({
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

  async function run<T>(task: Task | Uint8Array, options: RunOptions): Promise<T> {
    watchExits()
    const reply = await piscina.run(task, options).catch(async cause => {
      // A thread that Piscina gave up exits when its native work has ended; sharp's own counters never come down again.
      const alive = new Set(piscina.threads)
      await Promise.all([...exits].filter(([worker]) => !alive.has(worker)).map(([, exit]) => exit))
      throw new MortiseError('internal', 'the thread of this render ended', { cause })
    })
    // What is asked decides what is answered.
    return reply as T
  }

  // No signal: Piscina would end the thread, start another one, and leave the native work of the first running.
  return {
    render: async task => unwrap(await run<Reply<Rendered>>(task, { transferList: buffersOf(task) })),
    share: task => run(task, { name: 'share', transferList: buffersOf(task) }),
    async look(bytes) {
      const copy = new Uint8Array(bytes)
      return unwrap(await run<Reply<Drawing>>(copy, { name: 'look', transferList: [copy.buffer] }))
    },
    destroy: () => piscina.destroy(),
  }
}

/** Throws the error of a failure. */
export function unwrap<T>(reply: Reply<T>): T {
  if (!reply.ok) throw fromFailure(reply.failure)
  return reply.value
}

// Whatever is sent owns its buffer: nobody else's bytes are in it.
const buffersOf = ({ source, overlays }: Task) => [source, ...overlays].map(({ bytes }) => bytes.buffer as ArrayBuffer)

type RunOptions = { name?: string; transferList: ArrayBuffer[] }
