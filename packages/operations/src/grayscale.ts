import { z } from 'zod'
import { type Operation, places } from './operation.ts'

const schema = z.strictObject({})
// zod infers an index signature from no fields, and no step could then carry its name.
type Args = Record<never, never>

/** One band of grey; alpha stays. */
export const grayscale: Operation<Args> = {
  description: 'One band of grey; alpha stays.',
  example: {},
  schema,
  places: [places.colour],
  print: () => '',
  resize: frame => frame,
  apply: image => image.grayscale().toColourspace('b-w'),
}
