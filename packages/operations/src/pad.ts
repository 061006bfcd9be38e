import { z } from 'zod'
import { type Operation, places } from './operation.ts'

const schema = z.strictObject({
  /** px */
  width: z.int().positive(),
  height: z.int().positive(),
  /** Where the image sits in the new area. */
  gravity: z.enum(['center', 'north', 'south', 'east', 'west', 'northeast', 'southeast', 'southwest', 'northwest']),
  /** `#rrggbbaa`, of what the image does not cover. */
  background: z.string().regex(/^#[0-9a-f]{8}$/),
})
type Args = z.infer<typeof schema>

/** Scales to the largest size inside width x height, enlarging if need be, and fills up to exactly that. */
export const pad: Operation<Args> = {
  description: 'Scales to fit inside both sizes and fills up the rest with a colour.',
  example: { width: 300, height: 200, gravity: 'center', background: '#ffffffff' },
  schema,
  places: [places.scale],
  print: ({ width, height, gravity, background }) => `${width}x${height} ${gravity} ${background}`,
  resize: (frame, { width, height }) => ({ ...frame, width, height }),
  reduction: (frame, { width, height }) => Math.max(frame.width / width, frame.height / height),
  transparent: ({ background }) => !background.endsWith('ff'),
  apply(image, { width, height, gravity, background }, frame) {
    if (width === frame.width && height === frame.height) return image
    return image.resize(width, height, { fit: 'contain', position: gravity, background })
  },
}
