import { z } from 'zod'
import { type Operation, type Overlay, places } from './operation.ts'

const schema = z.strictObject({
  /** An http(s) URL as it was given, or `file:` and a path. Only its text counts here: nothing is opened by it. */
  image: z
    .string()
    .max(4096)
    .regex(/^(https?|file):/i),
  /** Where its left and top edge are, in thirds of the arriving image. */
  column: z.literal([0, 1, 2]),
  row: z.literal([0, 1, 2]),
  /** Above 0; 1 is as opaque as the watermark itself. */
  opacity: z.number().positive().max(1),
})
type Args = z.infer<typeof schema>

/** Lays another image over this one, in its own size. What reaches out of this one is cut off, as in mort. */
export const watermark: Operation<Args> = {
  description:
    'Lays another image over this one in its own size, its corner at 0, 1 or 2 thirds of the width (`column`) and height (`row`). What reaches out is cut off.',
  example: { image: 'https://example.org/mark.png', column: 2, row: 2, opacity: 0.5 },
  schema,
  places: [places.overlay],
  eachFrame: true,
  // A URL may hold anything; in quotes it cannot run into what follows.
  print: ({ image, column, row, opacity }) => `${JSON.stringify(image)} at ${column},${row} ${opacity}`,
  resize: frame => frame,
  overlay: ({ image }) => image,
  apply(image, args, frame, overlays) {
    const overlay = overlays.get(args.image)
    if (!overlay) throw new TypeError('a watermark came without its image')
    const [left, top] = [third(frame.width, args.column), third(frame.height, args.row)]
    const [width, height] = [Math.min(overlay.width, frame.width - left), Math.min(overlay.height, frame.height - top)]
    const input = visible(overlay, width, height, args.opacity)
    return image.composite([{ input, raw: { width, height, channels: 4 }, left, top }])
  },
}

const third = (side: number, thirds: number) => Math.trunc((side * thirds) / 3)

/** The top left part, its alpha times `opacity`. */
function visible({ pixels, width: across }: Overlay, width: number, height: number, opacity: number): Buffer {
  const part = Buffer.alloc(width * height * 4)
  for (let y = 0; y < height; y++) {
    part.set(pixels.subarray(y * across * 4, (y * across + width) * 4), y * width * 4)
  }
  if (opacity < 1) for (let at = 3; at < part.length; at += 4) part[at] = Math.round((part[at] ?? 0) * opacity)
  return part
}
