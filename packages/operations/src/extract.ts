import { MortiseError } from '@mortise/errors'
import { z } from 'zod'
import { type Frame, type Operation, places } from './operation.ts'
import { side } from './side.ts'

const schema = z.strictObject({
  /** px from the left and top edge; outside of the image it is refused when the image is known. */
  left: z.int(),
  top: z.int(),
  /** 0: the full width or height of the image. With both 0 nothing is extracted, wherever left and top are. */
  width: side,
  height: side,
})
type Args = z.infer<typeof schema>

export const extract: Operation<Args> = {
  description:
    'Takes an area, in px from the left and top. What reaches out of the image is refused; a size of 0 is all of it.',
  example: { left: 40, top: 30, width: 200, height: 100 },
  schema,
  places: [places.cut, places.cutScaled],
  print: args => (nothing(args) ? '' : `${args.width}x${args.height} at ${args.left},${args.top}`),
  resize(frame, args) {
    if (nothing(args)) return frame
    const { left, top, width, height } = area(frame, args)
    if (left < 0 || top < 0 || left + width > frame.width || top + height > frame.height) {
      const asked = `${width}x${height} at ${left},${top}`
      throw new MortiseError('invalid_request', `extract: ${asked} is not inside ${frame.width}x${frame.height}`)
    }
    return { ...frame, width, height }
  },
  apply(image, args, frame) {
    const { width, height } = extract.resize(frame, args)
    if (width === frame.width && height === frame.height) return image
    return image.extract(area(frame, args))
  },
}

const nothing = ({ width, height }: Args) => width === 0 && height === 0

const area = (frame: Frame, { left, top, width, height }: Args) => ({
  left,
  top,
  width: width || frame.width,
  height: height || frame.height,
})
