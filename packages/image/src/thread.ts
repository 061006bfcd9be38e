import { type Failure, MortiseError, toFailure } from '@mortise/errors'
import { MessageChannel, MessagePort, receiveMessageOnPort } from 'node:worker_threads'
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

/**
 * A source on its way between threads: a port with one message in it. The thread that lends it holds only the port. As
 * bytes of its own they would count as its memory each time they come back, and V8 would collect it for nothing.
 */
export type Parcel = MessagePort

/** One of several that have a source in common; what is made is a derivative, or a smaller picture of that size. */
export type SharedTask = Omit<Task, 'source'> & { source: Source | Parcel; level: Size | null }
export type SharedReply<T extends Rendered | Parcel> = { reply: Reply<T>; source: Parcel }

prepareVips()

export default async function answer(task: Task): Promise<Reply<Rendered>> {
  const reply = await attempt(() => run(task, render))
  return reply.ok ? moved(reply, [reply.value.bytes.buffer]) : reply
}

/** The source comes back, whatever becomes of the task. */
export async function share({ level, source, ...task }: SharedTask): Promise<SharedReply<Rendered | Parcel>> {
  const opened = source instanceof MessagePort ? unpack(source) : source
  const reply = await attempt<Rendered | Source>(() =>
    run({ ...task, source: opened }, (from, job) => (level ? makeLevel(from, level, job) : render(from, job))),
  )
  const back = pack(opened)
  if (!reply.ok) return moved({ reply, source: back }, [back])
  if ('contentType' in reply.value) return moved({ reply: { ok: true, value: reply.value }, source: back }, [back, reply.value.bytes.buffer])
  const made = pack(reply.value)
  return moved({ reply: { ok: true, value: made }, source: back }, [back, made])
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

function pack(source: Source): Parcel {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(source, [source.bytes.buffer as ArrayBuffer])
  return port2
}

function unpack(parcel: Parcel): Source {
  const { message } = receiveMessageOnPort(parcel) ?? {}
  parcel.close()
  return message
}

// Piscina takes such an object apart and sends the value, with what is moved instead of copied.
function moved<T>(value: T, moving: (ArrayBufferLike | Parcel)[]): T {
  const transferable = { [transferableSymbol]: moving, [valueSymbol]: value }
  return move(transferable as never) as unknown as T
}
