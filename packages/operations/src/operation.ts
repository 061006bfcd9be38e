import type { Sharp } from 'sharp'
import type { z } from 'zod'

/** The image as it arrives at a step, in px after EXIF orientation. `pages` is 1 unless the output stays animated. */
export type Frame = { width: number; height: number; pages: number }

/** px */
export type Size = { width: number; height: number }

/** An image to be laid over others: red, green, blue and alpha, a byte each, in sRGB, not premultiplied. */
export type Overlay = { width: number; height: number; pixels: Uint8Array }

/** By the name that {@link Operation.overlay} gives. */
export type Overlays = ReadonlyMap<string, Overlay>

/**
 * One kind of change to pixels. A step of a Plan is `{ op: <name>, ...Args }`; Args are complete (no optional fields
 * with meaning), so that equal pixels have equal text.
 */
export type Operation<Args> = {
  /** For the reference: what it does, and arguments to show. */
  description: string
  example: Args
  /** What the arguments may be; a worker checks a Plan against it before it acts. */
  schema: z.ZodType<Args>
  /** Where one sharp pipeline runs it, whatever the order of the calls; see {@link places}. */
  places: readonly number[]
  /** The last place that it takes, when it takes several at once; absent: only the one where it starts. */
  until?: number
  /** It has to run on every frame of an animation by itself, because sharp cannot do it on several. */
  eachFrame?: true
  /** Canonical text of the arguments. Equal meaning gives equal text, different pixels different text. */
  print(args: Args): string
  /** The frame that leaves this step. Throws `invalid_request` when the step cannot be done on this frame. */
  resize(frame: Frame, args: Args): Frame
  /** The size that sharp scales to before it cuts, where it can be larger than both frames; else absent. */
  scaled?(frame: Frame, args: Args): Frame
  /**
   * How many px of the frame become one px, on the side where they are fewer. A smaller picture of the frame does as
   * well as the frame itself while it is larger than what is made of it. Absent: only the frame itself does.
   */
  reduction?(frame: Frame, args: Args): number
  /** The name of another image that it needs; absent: none. */
  overlay?(args: Args): string
  /** It may leave some of an opaque image transparent. */
  transparent?(args: Args): boolean
  /**
   * The sharp calls. Called with the frame that arrives, and with every overlay that was named. The image has the size of
   * the frame, or is a smaller picture of it ({@link Operation.reduction}).
   */
  apply(image: Sharp, args: Args, frame: Frame, overlays: Overlays): Sharp
}

/**
 * The order inside one sharp pipeline. Each place can be taken once; a cut can stand before and after the change of
 * size. Steps in another order need a second pipeline.
 */
export const places = { turn: 0, cut: 1, scale: 2, cutScaled: 3, blur: 4, overlay: 5, colour: 6 } as const
