import { type Failure, MortiseError, toFailure } from '@mortise/errors'
import type { Size } from '@mortise/operations'
import { move, transferableSymbol, valueSymbol } from 'piscina'
import { toRenderError } from './errors.ts'
import { decodeOverlays, type OverlayFile } from './overlay.ts'
import { type Job, makeLevel, render } from './render.ts'
import type { Source } from './source.ts'
import { type Drawing, readDrawing } from './svg/drawing.ts'
import { measurePictures } from './svg/pictures.ts'
import { readSvg } from './svg/read.ts'
import type { Rendered } from './types.ts'
import { prepareVips } from './vips.ts'
import type { Work } from './work.ts'

/** A render as it is sent to a thread. */
export type Task = {
  source: Source
  work: Work
  overlays: OverlayFile[]
  inputPixels: number
  /** Whole seconds for all pipelines together. */
  seconds: number
  /** Its one number becomes other than 0 when nobody wants the result any more. */
  abandoned: Int32Array<SharedArrayBuffer>
}

/** Errors lose their code on the way between threads, so whatever is asked is always answered. */
export type Reply<T> = { ok: true; value: T } | { ok: false; failure: Failure }

/** One of several that have a source in common; what is made is a derivative, or a smaller picture of that size. */
export type SharedTask = Task & { level: Size | null }
export type SharedReply<T extends Rendered | Source> = { reply: Reply<T>; source: Source }

prepareVips()

export default async function answer(task: Task): Promise<Reply<Rendered>> {
  const reply = await attempt(() => run(task, render))
  return reply.ok ? moved(reply, [reply.value.bytes]) : reply
}

/** The source comes back, whatever becomes of the task. */
export async function share({ level, ...task }: SharedTask): Promise<SharedReply<Rendered | Source>> {
  const { source } = task
  const make = (from: Source, job: Job) => (level ? makeLevel(from, level, job) : render(from, job))
  const reply = await attempt(() => run<Rendered | Source>(task, make))
  return moved({ reply, source }, reply.ok ? [source.bytes, reply.value.bytes] : [source.bytes])
}

/** Looks through an SVG, which takes long enough for a large one to be better done here. */
export function look(bytes: Uint8Array): Promise<Reply<Drawing>> {
  return attempt(async () => {
    const document = readSvg(bytes)
    await measurePictures(document.pictures)
    return readDrawing(document)
  })
}

async function run<T>(task: Task, work: (source: Source, job: Job) => Promise<T>): Promise<T> {
  const { inputPixels, seconds, abandoned } = task
  const start = performance.now()
  const secondsLeft = () => {
    if (Atomics.load(abandoned, 0) !== 0) throw new MortiseError('cancelled', 'nobody waits for this render')
    const left = Math.ceil(seconds - (performance.now() - start) / 1000)
    if (left <= 0) throw new MortiseError('timed_out', `not rendered within ${seconds} s`)
    return left
  }
  const bounds = { inputPixels, seconds: secondsLeft }
  return work(task.source, { work: task.work, bounds, overlays: await decodeOverlays(task.overlays, bounds) })
}

async function attempt<T>(work: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    return { ok: false, failure: toFailure(toRenderError(error)) }
  }
}

// Piscina takes such an object apart and sends the value, with the bytes moved instead of copied.
function moved<T>(value: T, bytes: Uint8Array[]): T {
  const transferable = { [transferableSymbol]: bytes.map(({ buffer }) => buffer), [valueSymbol]: value }
  return move(transferable as never) as unknown as T
}
