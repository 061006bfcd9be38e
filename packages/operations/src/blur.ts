import { z } from 'zod'
import { type Operation, places } from './operation.ts'

const schema = z.strictObject({
  /** Standard deviation in px, as mort takes it. */
  sigma: z.number().positive().max(100),
  /** Where the mask is cut off; outside 0.001 to 1 (so also 0) the default of libvips, 0.2, is used, as by mort. */
  minAmplitude: z.number(),
})
type Args = z.infer<typeof schema>

export const blur: Operation<Args> = {
  description:
    'Softens by `sigma` px, 0.3 to 100; less changes nothing. `minAmplitude` (0.001 to 1) cuts its mask off.',
  example: { sigma: 2.5, minAmplitude: 0 },
  schema,
  places: [places.blur],
  print: args => (visible(args) ? [args.sigma, ...cutOff(args)].join(' ') : ''),
  resize: frame => frame,
  apply(image, args) {
    if (!visible(args)) return image
    const [minAmplitude] = cutOff(args)
    return image.blur(minAmplitude === undefined ? args.sigma : { sigma: args.sigma, minAmplitude })
  },
}

// Below 0.3 the mask is a single one, and sharp refuses to make it.
const visible = ({ sigma }: Args) => sigma >= 0.3

const cutOff = ({ minAmplitude }: Args) => (minAmplitude >= 0.001 && minAmplitude <= 1 ? [minAmplitude] : [])
