import type { Sharp } from 'sharp'
import type { z } from 'zod'

/** The image as it arrives at a step, in px after EXIF orientation. `pages` is 1 unless the output stays animated. */
export type Frame = { width: number; height: number; pages: number }

/**
 * One kind of change to pixels. A step of a Plan is `{ op: <name>, ...Args }`; Args are complete (no optional fields
 * with meaning), so that equal pixels have equal text.
 */
export type Operation<Args> = {
  /** What the arguments may be; a worker checks a Plan against it before it acts. */
  schema: z.ZodType<Args>
  /** Where one sharp pipeline runs it, whatever the order of the calls; see {@link places}. */
  places: readonly number[]
  /** It has to run on every frame of an animation by itself, because sharp cannot do it on several. */
  eachFrame?: true
  /** Canonical text of the arguments. Equal meaning gives equal text, different pixels different text. */
  print(args: Args): string
  /** The frame that leaves this step. Throws `invalid_request` when the step cannot be done on this frame. */
  resize(frame: Frame, args: Args): Frame
  /** The size that sharp scales to before it cuts, where it can be larger than both frames; else absent. */
  scaled?(frame: Frame, args: Args): Frame
  /** The sharp calls. Called with the frame that arrives. */
  apply(image: Sharp, args: Args, frame: Frame): Sharp
}

/**
 * The order inside one sharp pipeline. Each place can be taken once; a cut can stand before and after the change of
 * size. Steps in another order need a second pipeline.
 */
export const places = { turn: 0, cut: 1, scale: 2, cutScaled: 3, blur: 4, overlay: 5, colour: 6 } as const
