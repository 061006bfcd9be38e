import { z } from 'zod'
import { type Operation, places } from './operation.ts'

const schema = z.strictObject({
  /** Degrees clockwise. */
  angle: z.literal([90, 180, 270]),
})
type Args = z.infer<typeof schema>

/** In the first pass it takes the place of the orientation that the original's EXIF asks for, as in mort. */
export const rotate: Operation<Args> = {
  description:
    'Turns by 90, 180 or 270 degrees clockwise. In the first pass it takes the place of the EXIF orientation.',
  example: { angle: 90 },
  schema,
  places: [places.turn],
  eachFrame: true,
  print: ({ angle }) => String(angle),
  resize: (frame, { angle }) => (angle === 180 ? frame : { ...frame, width: frame.height, height: frame.width }),
  apply: (image, { angle }) => image.rotate(angle),
}
