import { type Failure, MortiseError, toFailure } from '@mortise/errors'
import { move, transferableSymbol, valueSymbol } from 'piscina'
import { toRenderError } from './errors.ts'
import { decodeOverlays, type OverlayFile } from './overlay.ts'
import { render } from './render.ts'
import { type Drawing, readDrawing } from './svg/drawing.ts'
import { measurePictures } from './svg/pictures.ts'
import { readSvg } from './svg/read.ts'
import type { Rendered } from './types.ts'
import { prepareVips } from './vips.ts'
import type { Work } from './work.ts'

/** A render as it is sent to a thread. */
export type Task = {
  bytes: Uint8Array<ArrayBuffer>
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

prepareVips()

export default async function answer({
  bytes,
  work,
  overlays,
  inputPixels,
  seconds,
  abandoned,
}: Task): Promise<Reply<Rendered>> {
  const start = performance.now()
  const secondsLeft = () => {
    if (Atomics.load(abandoned, 0) !== 0) throw new MortiseError('cancelled', 'nobody waits for this render')
    const left = Math.ceil(seconds - (performance.now() - start) / 1000)
    if (left <= 0) throw new MortiseError('timed_out', `not rendered within ${seconds} s`)
    return left
  }
  try {
    const bounds = { inputPixels, seconds: secondsLeft }
    const job = { work, bounds, overlays: await decodeOverlays(overlays, bounds) }
    return moved(await render(bytes, job))
  } catch (error) {
    return { ok: false, failure: toFailure(toRenderError(error)) }
  }
}

/** Looks through an SVG, which takes long enough for a large one to be better done here. */
export async function look(bytes: Uint8Array): Promise<Reply<Drawing>> {
  try {
    const document = readSvg(bytes)
    await measurePictures(document.pictures)
    return { ok: true, value: readDrawing(document) }
  } catch (error) {
    return { ok: false, failure: toFailure(toRenderError(error)) }
  }
}

// Piscina takes such an object apart and sends the value, with the bytes moved instead of copied.
function moved(rendered: Rendered): Reply<Rendered> {
  const reply: Reply<Rendered> = { ok: true, value: rendered }
  const transferable = { [transferableSymbol]: [rendered.bytes.buffer], [valueSymbol]: reply }
  return move(transferable as never) as unknown as Reply<Rendered>
}
