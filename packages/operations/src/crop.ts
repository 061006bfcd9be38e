import { z } from 'zod'
import { type Frame, type Operation, places } from './operation.ts'
import { covering, reductionOf, side } from './side.ts'

const schema = z.strictObject({
  /** px. With one of them 0 the image is not scaled: the other dimension is cut to at most its own size. */
  width: side,
  height: side,
  /** What stays: the part with the most to see, or the part that touches the named edge or corner. */
  gravity: z.enum([
    'smart',
    'center',
    'north',
    'south',
    'east',
    'west',
    'northeast',
    'southeast',
    'southwest',
    'northwest',
  ]),
  /** `false`: an image that is smaller in both dimensions stays as it is. One that is larger in one is enlarged. */
  enlarge: z.boolean(),
})
type Args = z.infer<typeof schema>

/** Scales until the image covers width x height, and cuts what is over. */
export const crop: Operation<Args> = {
  description:
    'Scales until both sizes are covered and cuts what is over, by `gravity`: smart, center, a side or a corner. One size cuts without scaling.',
  example: { width: 300, height: 200, gravity: 'smart', enlarge: false },
  schema,
  places: [places.scale],
  print({ width, height, gravity, enlarge }) {
    if (width === 0 && height === 0) return ''
    // With one size nothing is scaled, so `enlarge` has no meaning.
    return `${width}x${height} ${gravity}${enlarge && width > 0 && height > 0 ? ' enlarge' : ''}`
  },
  resize(frame, { width, height, enlarge }) {
    if (width === 0 || height === 0) return { ...frame, ...cut(frame, width, height) }
    const smaller = frame.width < width && frame.height < height
    return smaller && !enlarge ? frame : { ...frame, width, height }
  },
  scaled,
  // What there is the most of to see is found in the pixels, and others could tip the balance.
  reduction: (frame, args) => (args.gravity === 'smart' ? 1 : reductionOf(frame, scaled(frame, args))),
  apply(image, args, frame) {
    const { width, height } = crop.resize(frame, args)
    if (width === frame.width && height === frame.height) return image
    // With one size the other is the image's own, so the scale that covers both is 1.
    return image.resize(width, height, { fit: 'cover', position: position(args.gravity, frame) })
  },
}

function scaled(frame: Frame, args: Args): Frame {
  return covering(frame, crop.resize(frame, args))
}

const cut = (frame: Frame, width: number, height: number) => ({
  width: Math.min(width || frame.width, frame.width),
  height: Math.min(height || frame.height, frame.height),
})

// What there is to see moves from frame to frame: an animation is cut around its centre.
function position(gravity: Args['gravity'], { pages }: Frame): string {
  if (gravity === 'smart') return pages > 1 ? 'centre' : 'attention'
  return gravity === 'center' ? 'centre' : gravity
}
