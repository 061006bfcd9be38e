import { MortiseError } from '@mortise/errors'
import { createBudget, type Lane } from './budget.ts'
import type { Step } from './climb.ts'
import { createGuard } from './guard.ts'
import type { Look } from './header.ts'
import { createHeaders, type KnownOverlay } from './headers.ts'
import { checkLimits } from './limits.ts'
import { createRenderAll } from './render-all.ts'
import type { Source } from './source.ts'
import type { Task } from './thread.ts'
import { createThreads } from './threads.ts'
import type { ImageLimits, ImagePool, Rendered, RenderRequest } from './types.ts'
import { limitLoaders, prepareVips } from './vips.ts'
import { planWork } from './work.ts'

export type ImagePoolOptions = {
  /** Renders at one time. */
  threads: number
  limits: ImageLimits
  /** Where it is not allowed, SVG is `invalid_request`: nowhere, or only as `originals`. Default: allow. */
  svg?: 'allow' | 'originals' | 'refuse'
  /**
   * The overlays that may be SVG, by name. Default: none. To draw one is the most that few bytes can ask for, so a
   * stranger is not to say which: these are those that the operator has named himself.
   */
  svgOverlays?: ReadonlySet<string>
  /**
   * Called once, when a render has not ended within `hardLimitSeconds`. Only the end of the process ends its native
   * work; until then the pool refuses everything with `overloaded`.
   */
  onStuck?(): void
  /** Default: twice `limits.renderSeconds`, and 5. */
  hardLimitSeconds?: number
}

/** Starts the threads. From here on this process reads images from memory only, and only of the formats served. */
export function createImagePool({ threads, limits, svg = 'allow', ...options }: ImagePoolOptions): ImagePool {
  limitLoaders()
  prepareVips()
  const pool = createThreads(threads)
  // One thread is left to whoever may come next, while somebody does.
  const slots = createBudget(threads, { reserve: 1 })
  const memory = createBudget(limits.memory)
  const hardLimit = (options.hardLimitSeconds ?? limits.renderSeconds * 2 + 5) * 1000
  const guard = createGuard(hardLimit, () => {
    refuse(new MortiseError('overloaded', 'a render does not end; this process has to'))
    options.onStuck?.()
  })
  const overlays = svg === 'allow' ? options.svgOverlays : undefined
  const headers = createHeaders({
    ...{ inputPixels: limits.inputPixels, guard, takeSlot },
    look: svg === 'refuse' ? refuseSvg('originals') : pool.look,
    lookAtOverlay: name => (overlays?.has(name) ? pool.look : refuseSvg('watermarks')),
  })
  let refusal: MortiseError | null = null
  let closed: Promise<boolean> | null = null

  async function render({ bytes, passes, output, overlays: files, signal }: RenderRequest): Promise<Rendered> {
    signal.throwIfAborted()
    if (refusal) throw refusal
    const work = planWork(await headers.read(bytes, signal), passes, output)
    const overlays = await headers.readOverlays(passes, files, signal)
    const needed = checkLimits(work, bytes.byteLength, overlays, limits)
    const returnMemory = await memory.take(needed, signal)
    try {
      const returnSlot = await takeSlot(signal)
      const task = taskOf({ kind: 'original', bytes }, work, overlays)
      return watch(pool.render(task), task, signal, () => {
        returnSlot()
        returnMemory()
      })
    } catch (error) {
      returnMemory()
      throw error
    }
  }

  async function share<T extends Rendered | Source>(step: Step, signal: AbortSignal, giveBack: () => void) {
    const ended = Promise.withResolvers<void>()
    const task = { ...taskOf(step.source, step.work, step.overlays), level: step.level }
    const reply = await watch(pool.share<T>(task), task, signal, () => {
      giveBack()
      ended.resolve()
    })
    await ended.promise
    return reply
  }

  function watch<T>(native: Promise<T>, { abandoned }: Task, signal: AbortSignal, giveBack: () => void): Promise<T> {
    return guard.watch(native, signal, { leave: () => Atomics.store(abandoned, 0, 1), giveBack })
  }

  function taskOf(source: Source, work: Task['work'], overlays: KnownOverlay[]): Task {
    // Overlays belong to several renders, so a thread gets copies; they were counted.
    const copies = overlays.map(overlay => ({ ...overlay, bytes: new Uint8Array(overlay.bytes) }))
    const { inputPixels, renderSeconds: seconds } = limits
    const abandoned = new Int32Array(new SharedArrayBuffer(4))
    return { source, work, overlays: copies, inputPixels, seconds, abandoned }
  }

  async function takeSlot(signal: AbortSignal, lane?: Lane): Promise<() => void> {
    const giveBack = await slots.take(1, signal, lane)
    if (!refusal) return giveBack
    // The pool has begun to close between the giving and here.
    giveBack()
    throw refusal
  }

  function refuse(reason: MortiseError) {
    refusal = reason
    memory.close(reason)
    slots.close(reason)
  }

  async function closeOnce(graceMs: number) {
    refuse(new MortiseError('overloaded', 'the image pool is closing'))
    const settled = await guard.settle(graceMs)
    const gone = pool.destroy()
    // To end a thread is to wait for its native work.
    if (settled) await gone
    return settled
  }

  const close = (graceMs = hardLimit) => {
    closed ??= closeOnce(graceMs)
    return closed
  }
  const checkOpen = () => {
    if (refusal) throw refusal
  }
  return {
    render,
    renderAll: createRenderAll({ headers, limits, memory, takeSlot, share, checkOpen }),
    stats: () => ({
      threads,
      running: slots.used(),
      waiting: memory.waiting() + slots.waiting(),
      background: {
        running: slots.used('background'),
        waiting: memory.waiting('background') + slots.waiting('background'),
      },
      memory: memory.used(),
    }),
    close,
    [Symbol.asyncDispose]: async () => void (await close()),
  }
}

const refuseSvg =
  (what: 'originals' | 'watermarks'): Look =>
  () =>
    Promise.reject(new MortiseError('invalid_request', `svg ${what} ${reasons[what]}`))

const reasons = { originals: 'are switched off', watermarks: 'are only for presets, where they are switched on' }
