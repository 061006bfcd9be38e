import { z } from 'zod'
import { type Frame, type Operation, places } from './operation.ts'
import { covering } from './side.ts'

const schema = z.strictObject({
  /** px */
  width: z.int().positive(),
  height: z.int().positive(),
})
type Args = z.infer<typeof schema>

/**
 * Takes the largest whole multiple of one side that the image has room for, a little above the middle, and covers
 * width x height with it. Small images, where mort finds no such area and gives an error, are covered whole.
 */
export const resizeCropAuto: Operation<Args> = {
  description:
    'Cuts out the largest whole multiple of one of the sizes that there is room for, a little above the middle, and covers both sizes with it.',
  example: { width: 300, height: 200 },
  schema,
  places: [places.cut],
  until: places.scale,
  print: ({ width, height }) => `${width}x${height}`,
  resize: (frame, { width, height }) => ({ ...frame, width, height }),
  scaled: (frame, args) => covering({ ...frame, ...area(frame, args) }, resizeCropAuto.resize(frame, args)),
  apply(image, args, frame) {
    const { left, top, width, height } = area(frame, args)
    if (width < frame.width || height < frame.height) image.extract({ left, top, width, height })
    if (width === args.width && height === args.height) return image
    return image.resize(args.width, args.height, { fit: 'cover', position: 'centre' })
  },
}

/** mort's area: whole quotients, the smaller one counts, and a fifth of what is left over stays above it. */
function area(frame: Frame, { width, height }: Args) {
  const across = Math.floor(frame.width / width)
  const down = Math.floor(frame.height / height)
  const taken =
    across < down ? { width: frame.width, height: height * across } : { width: width * down, height: frame.height }
  if (taken.width === 0 || taken.height === 0) return { left: 0, top: 0, width: frame.width, height: frame.height }
  const left = Math.floor((frame.width - taken.width) / 2)
  const top = Math.floor((frame.height - taken.height) / 5)
  return { left, top, ...taken }
}
