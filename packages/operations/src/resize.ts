import { z } from 'zod'
import { type Frame, type Operation, places, type Size } from './operation.ts'
import { covering, proportional, reductionOf, side } from './side.ts'

const schema = z.strictObject({
  /** px. With one of them 0 the image keeps its ratio, whatever `fit` says. */
  width: side,
  height: side,
  /**
   * stretch: exactly width x height; the ratio is lost.
   * inside: the largest size inside width x height that keeps the ratio.
   * keep: keeps the ratio by only one of the sizes, which mort chooses by how often each goes into the image.
   * cover: cut around the centre to the ratio of width x height, then exactly that size.
   */
  fit: z.enum(['stretch', 'inside', 'keep', 'cover']),
  /**
   * `false`: no side becomes larger than the image's own. stretch leaves that side alone, inside and keep leave such an
   * image alone, and cover gives the largest size of the asked ratio that the image has.
   */
  enlarge: z.boolean(),
})
type Args = z.infer<typeof schema>

export const resize: Operation<Args> = {
  description:
    'Changes the size: `stretch` to both sizes, `inside` them, `cover` them, or `keep` the ratio by one of them, as mort chooses. One size keeps the ratio. Without `enlarge` nothing grows.',
  example: { width: 300, height: 200, fit: 'inside', enlarge: true },
  schema,
  places: [places.scale],
  print({ width, height, fit, enlarge }) {
    if (width === 0 && height === 0) return ''
    return [`${width}x${height}`, ...(width && height ? [fit] : []), ...(enlarge ? ['enlarge'] : [])].join(' ')
  },
  resize(frame, args) {
    if (args.width === 0 && args.height === 0) return frame
    const { width, height } = args.width && args.height ? fits[args.fit](frame, args) : oneSize(frame, args)
    return { ...frame, width, height }
  },
  scaled,
  reduction: (frame, args) => reductionOf(frame, scaled(frame, args)),
  apply(image, args, frame) {
    const { width, height } = resize.resize(frame, args)
    if (width === frame.width && height === frame.height) return image
    return image.resize(width, height, { fit: cutting(args) ? 'cover' : 'fill' })
  },
}

const cutting = ({ fit, width, height }: Args) => fit === 'cover' && width > 0 && height > 0

function scaled(frame: Frame, args: Args): Frame {
  const after = resize.resize(frame, args)
  return cutting(args) ? covering(frame, after) : after
}

const fits: Record<Args['fit'], (frame: Frame, args: Args) => Size> = { stretch, inside, keep, cover }

function oneSize(frame: Frame, { width, height, enlarge }: Args): Size {
  const [asked, own] = width ? [width, frame.width] : [height, frame.height]
  if (!enlarge && asked >= own) return frame
  return width
    ? { width, height: proportional(frame.height, frame.width, width) }
    : { width: proportional(frame.width, frame.height, height), height }
}

function stretch(frame: Frame, { width, height, enlarge }: Args): Size {
  if (enlarge) return { width, height }
  return { width: Math.min(width, frame.width), height: Math.min(height, frame.height) }
}

function inside(frame: Frame, args: Args): Size {
  const { width, height } = args
  return oneSize(frame, width * frame.height <= height * frame.width ? { ...args, height: 0 } : { ...args, width: 0 })
}

// Whole quotients, as in mort: with equal ones the width decides, also where the height then becomes too large.
function keep(frame: Frame, args: Args): Size {
  const across = Math.floor(frame.width / args.width)
  const down = Math.floor(frame.height / args.height)
  return oneSize(frame, across < down ? { ...args, width: 0 } : { ...args, height: 0 })
}

function cover(frame: Frame, { width, height, enlarge }: Args): Size {
  if (enlarge || (width <= frame.width && height <= frame.height)) return { width, height }
  return width * frame.height >= height * frame.width
    ? { width: frame.width, height: proportional(height, width, frame.width) }
    : { width: proportional(width, height, frame.height), height: frame.height }
}
