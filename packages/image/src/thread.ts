import { type Failure, MortiseError, toFailure } from '@mortise/errors'
import { move, transferableSymbol, valueSymbol } from 'piscina'
import { toRenderError } from './errors.ts'
import { render } from './render.ts'
import type { Rendered } from './types.ts'
import { prepareVips } from './vips.ts'
import type { Work } from './work.ts'

/** A render as it is sent to a thread. */
export type Task = {
  bytes: Uint8Array<ArrayBuffer>
  work: Work
  inputPixels: number
  /** Whole seconds for all pipelines together. */
  seconds: number
  /** Its one number becomes other than 0 when nobody wants the result any more. */
  abandoned: Int32Array<SharedArrayBuffer>
}

/** Errors lose their code on the way between threads, so a render always answers. */
export type Reply = { ok: true; rendered: Rendered } | { ok: false; failure: Failure }

prepareVips()

export default async function answer({ bytes, work, inputPixels, seconds, abandoned }: Task): Promise<Reply> {
  const start = performance.now()
  const secondsLeft = () => {
    if (Atomics.load(abandoned, 0) !== 0) throw new MortiseError('cancelled', 'nobody waits for this render')
    const left = Math.ceil(seconds - (performance.now() - start) / 1000)
    if (left <= 0) throw new MortiseError('timed_out', `not rendered within ${seconds} s`)
    return left
  }
  try {
    return moved({ ok: true, rendered: await render(bytes, work, { inputPixels, seconds: secondsLeft }) })
  } catch (error) {
    return { ok: false, failure: toFailure(toRenderError(error)) }
  }
}

// Piscina takes such an object apart and sends the value, with the bytes moved instead of copied.
function moved(reply: Reply & { ok: true }): Reply {
  const transferable = { [transferableSymbol]: [reply.rendered.bytes.buffer], [valueSymbol]: reply }
  return move(transferable as never) as unknown as Reply
}
