import { formats, stepSchema } from '@mortise/operations'
import { z } from 'zod'

/** A storage as it is named in a Plan: `<bucket whose configuration holds it>/<name>`, for example `media/basic`. */
const storageName = z.string().regex(/^[^/]+\/[^/]+$/)

/** Characters; no storage takes more. */
export const maxKeyLength = 2048

const location = z.strictObject({
  storage: storageName,
  /** The bucket that the object belongs to; the container, unless the storage names one of its own. */
  bucket: z.string().min(1),
  /** Decoded, with a leading slash. */
  key: z.string().startsWith('/').max(maxKeyLength),
})

export const planSchema = z.strictObject({
  /** Digest of everything below in canonical text, 32 hex digits: the collapse key, and part of the job id. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  /** The object whose bytes everything is made from: the root of a chain of parents. */
  original: location,
  /** Each pass is one sharp pipeline; its steps are in the order in which they run. */
  passes: z.array(z.array(stepSchema).max(16)).max(32),
  output: z.strictObject({
    /** `original`: the format of the original, as found in its bytes. */
    format: z.enum(['original', ...formats]),
    /** 1 to 100; `null` for the default of the format. PNG, GIF and TIFF ignore it. */
    quality: z.int().min(1).max(100).nullable(),
    /** Progressive JPEG, interlaced PNG. */
    progressive: z.boolean(),
    /** `strip`: no EXIF, ICC, XMP or IPTC, pixels in sRGB. `keep`: all of it, the orientation tag reset. */
    metadata: z.enum(['keep', 'strip']),
    /** Only the first frame, and no GIF: one that this asks for, by its format or as `original`, is refused. */
    still: z.literal(true).optional(),
  }),
  /** Where the result lives. */
  derivative: location,
})

/** All that is needed to make a derivative, and nothing that is not: JSON, equal for equal requests. */
export type Plan = z.infer<typeof planSchema>
export type Pass = Plan['passes'][number]
export type Output = Plan['output']
export type Location = z.infer<typeof location>
