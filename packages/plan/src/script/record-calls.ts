import { record } from '../record.ts'
import { newSet, type TransformSet } from '../transform-set.ts'
import { at, invalid } from '../values.ts'

/** A call of one of `obj.transforms`' methods. */
export type Call = [name: string, ...args: unknown[]]

/** How many arguments each method takes, all of which have to be given. */
export const methods = {
  resize: 5,
  extract: 4,
  crop: 5,
  resizeCropAuto: 2,
  interlace: 0,
  quality: 1,
  stripMetadata: 0,
  blur: 2,
  format: 1,
  watermark: 3,
  grayscale: 0,
  rotate: 1,
} as const

/** The set that these calls describe, in their order. Throws `invalid_request` for one that cannot be done. */
export function recordCalls(calls: Call[]): TransformSet {
  return at('script', () => {
    const set = newSet()
    for (const [name, ...args] of calls) {
      const recorder = Object.hasOwn(recorders, name) ? recorders[name as keyof typeof methods] : undefined
      if (!recorder) throw invalid(name.slice(0, 64), undefined, 'a transform that there is')
      recorder(set, args)
    }
    return set
  })
}

const recorders: Record<keyof typeof methods, (set: TransformSet, args: unknown[]) => void> = {
  resize(set, [width, height, outbound, keep, fill]) {
    const flags = { outbound: truth(outbound), keep: truth(keep), fill: truth(fill) }
    record.resize(set, { width: whole('resize', width), height: whole('resize', height), ...flags })
  },
  extract(set, args) {
    const [top = 0, left = 0, width = 0, height = 0] = args.map(arg => whole('extract', arg))
    record.extract(set, { top, left, width, height })
  },
  crop(set, [width, height, gravity, enlarge, embed]) {
    const flags = { enlarge: truth(enlarge), embed: truth(embed) }
    record.crop(set, {
      ...{ width: whole('crop', width), height: whole('crop', height) },
      ...{ gravity: text('crop: gravity', gravity), ...flags },
    })
  },
  resizeCropAuto(set, [width, height]) {
    record.resizeCropAuto(set, { width: whole('resizeCropAuto', width), height: whole('resizeCropAuto', height) })
  },
  interlace: set => record.interlace(set),
  quality: (set, [quality]) => record.quality(set, whole('quality', quality)),
  stripMetadata: set => record.strip(set),
  blur: (set, [sigma, minAmplitude]) => record.blur(set, number('blur', sigma), number('blur', minAmplitude)),
  format: (set, [format]) => record.format(set, text('format', format)),
  watermark(set, [image, position, opacity]) {
    // What a script says may come from the URL, so it names no file.
    const texts = { image: text('watermark: image', image), position: text('watermark: position', position) }
    record.watermark(set, { ...texts, opacity: number('watermark: opacity', opacity), file: false })
  },
  grayscale: set => record.grayscale(set),
  rotate: (set, [angle]) => record.rotate(set, number('rotate', angle)),
}

const whole = (name: string, value: unknown) => Math.trunc(number(name, value))

/** Texts with a number count as that number, as in mort. */
function number(name: string, value: unknown): number {
  const found = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof found === 'number' && Number.isFinite(found)) return found
  throw invalid(name, typeof value === 'string' ? value : typeof value, 'a number')
}

/** A list, such as the values of a parameter, counts as its texts with commas between them. */
function text(name: string, value: unknown): string {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (list.some(item => typeof item === 'object' && item !== null)) throw invalid(name, typeof value, 'a text')
  return list.join()
}

/** As in mort, where every value but an empty one is true. */
const truth = (value: unknown) => Boolean(value)
