import { fromFailure, MortiseError } from '@mortise/errors'
import { createBudget } from './budget.ts'
import { type Header, readHeader } from './header.ts'
import { readJpegHeader } from './jpeg-header.ts'
import { checkLimits } from './limits.ts'
import type { Task } from './thread.ts'
import { createThreads } from './threads.ts'
import type { ImageLimits, ImagePool, Rendered, RenderRequest } from './types.ts'
import { untilAborted } from './until-aborted.ts'
import { limitLoaders, prepareVips } from './vips.ts'
import { planWork } from './work.ts'

export type ImagePoolOptions = {
  /** Renders at one time. */
  threads: number
  limits: ImageLimits
  /**
   * Called once, when a render has not ended within `hardLimitSeconds`. Only the end of the process ends its native
   * work; until then the pool refuses everything with `overloaded`.
   */
  onStuck?(): void
  /** Default: twice `limits.renderSeconds`, and 5. */
  hardLimitSeconds?: number
}

/** Starts the threads. From here on this process reads images from memory only, and only of the formats served. */
export function createImagePool({ threads, limits, onStuck, hardLimitSeconds }: ImagePoolOptions): ImagePool {
  limitLoaders()
  prepareVips()
  const pool = createThreads(threads)
  const slots = createBudget(threads)
  const memory = createBudget(limits.memory)
  const hardLimit = (hardLimitSeconds ?? limits.renderSeconds * 2 + 5) * 1000
  const running = new Set<Promise<void>>()
  const stuck = new AbortController()
  let refusal: MortiseError | null = null
  let closed: Promise<boolean> | null = null

  async function render({ bytes, passes, output, signal }: RenderRequest): Promise<Rendered> {
    signal.throwIfAborted()
    if (refusal) throw refusal
    const header = readJpegHeader(bytes) ?? (await askForHeader(bytes, signal))
    const work = planWork(header, passes, output)
    const needed = checkLimits(work, bytes.byteLength, limits)
    const returnMemory = await memory.take(needed, signal)
    try {
      const returnSlot = await takeSlot(signal)
      const abandoned = new Int32Array(new SharedArrayBuffer(4))
      const task = { bytes, work, inputPixels: limits.inputPixels, seconds: limits.renderSeconds, abandoned }
      return guard(run(task), signal, {
        leave: () => Atomics.store(abandoned, 0, 1),
        giveBack() {
          returnSlot()
          returnMemory()
        },
      })
    } catch (error) {
      returnMemory()
      throw error
    }
  }

  // Some formats are parsed whole to be asked their size, which nothing interrupts: that counts as a render.
  async function askForHeader(bytes: Uint8Array, signal: AbortSignal): Promise<Header> {
    const giveBack = await takeSlot(signal)
    return guard(readHeader(bytes, limits.inputPixels), signal, { leave() {}, giveBack })
  }

  async function takeSlot(signal: AbortSignal): Promise<() => void> {
    const giveBack = await slots.take(1, signal)
    if (!refusal) return giveBack
    // The pool has begun to close between the giving and here.
    giveBack()
    throw refusal
  }

  async function run(task: Task): Promise<Rendered> {
    const reply = await pool.run(task).catch(cause => {
      throw new MortiseError('internal', 'the thread of this render ended', { cause })
    })
    if (!reply.ok) throw fromFailure(reply.failure)
    return reply.rendered
  }

  // Whoever asked may leave; what was taken is given back when the native work has ended, because it goes on.
  function guard<T>(native: Promise<T>, signal: AbortSignal, ends: { leave(): void; giveBack(): void }): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const leave = () => {
      ends.leave()
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      reject(new MortiseError('timed_out', `not rendered within ${hardLimit / 1000} s`))
      getStuck()
    }, hardLimit)
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
    const ended = native.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
      running.delete(ended)
      ends.giveBack()
    })
    running.add(ended)
    return promise
  }

  function getStuck() {
    if (stuck.signal.aborted) return
    refuse(new MortiseError('overloaded', 'a render does not end; this process has to'))
    stuck.abort()
    onStuck?.()
  }

  function refuse(reason: MortiseError) {
    refusal = reason
    memory.close(reason)
    slots.close(reason)
  }

  async function closeOnce(graceMs: number) {
    refuse(new MortiseError('overloaded', 'the image pool is closing'))
    const patience = AbortSignal.any([stuck.signal, AbortSignal.timeout(graceMs)])
    const settled = await untilAborted(Promise.all(running), patience).then(
      () => true,
      () => false,
    )
    const gone = pool.destroy()
    // To end a thread is to wait for its native work.
    if (settled) await gone
    return settled
  }

  const close = (graceMs = hardLimit) => {
    closed ??= closeOnce(graceMs)
    return closed
  }
  return {
    render,
    stats: () => ({
      threads,
      running: slots.used,
      waiting: memory.waiting + slots.waiting,
      memory: memory.used,
    }),
    close,
    [Symbol.asyncDispose]: async () => void (await close()),
  }
}
