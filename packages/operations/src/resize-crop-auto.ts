import { z } from 'zod'
import { type Frame, type Operation, places, type Size } from './operation.ts'
import { covering, reductionOf } from './side.ts'

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
  scaled,
  reduction: (frame, args) => reductionOf(area(frame, args), scaled(frame, args)),
  apply(image, args, frame, _overlays, actual = frame) {
    const taken = inside(actual, area(frame, args), frame)
    const { width, height } = taken
    if (width < actual.width || height < actual.height) image.extract(taken)
    if (width === args.width && height === args.height) return image
    return image.resize(args.width, args.height, { fit: 'cover', position: 'centre' })
  },
}

type Area = Size & { left: number; top: number }

function scaled(frame: Frame, args: Args): Frame {
  return covering({ ...frame, ...area(frame, args) }, resizeCropAuto.resize(frame, args))
}

/** The same area of a picture that stands for the frame, in whole px. */
function inside(actual: Size, { left, top, width, height }: Area, frame: Frame): Area {
  const [across, down] = [actual.width / frame.width, actual.height / frame.height]
  const [x, y] = [Math.round(left * across), Math.round(top * down)]
  return {
    left: x,
    top: y,
    width: Math.min(Math.round(width * across), actual.width - x),
    height: Math.min(Math.round(height * down), actual.height - y),
  }
}

/** mort's area: whole quotients, the smaller one counts, and a fifth of what is left over stays above it. */
function area(frame: Frame, { width, height }: Args): Area {
  const across = Math.floor(frame.width / width)
  const down = Math.floor(frame.height / height)
  const taken =
    across < down ? { width: frame.width, height: height * across } : { width: width * down, height: frame.height }
  if (taken.width === 0 || taken.height === 0) return { left: 0, top: 0, width: frame.width, height: frame.height }
  const left = Math.floor((frame.width - taken.width) / 2)
  const top = Math.floor((frame.height - taken.height) / 5)
  return { left, top, ...taken }
}
