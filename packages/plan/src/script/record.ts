import { MortiseError } from '@mortise/errors'
import { readFormat, readGravity } from '../grammars/shared.ts'
import { emptySet, type TransformSet } from '../transform-set.ts'

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
export function record(calls: Call[]): TransformSet {
  const set = { ...emptySet }
  for (const [name, ...args] of calls) {
    const recorder = Object.hasOwn(recorders, name) ? recorders[name as keyof typeof methods] : undefined
    if (!recorder) throw invalid(name, 'is no transform')
    recorder(set, args)
  }
  return set
}

const recorders: Record<keyof typeof methods, (set: TransformSet, args: unknown[]) => void> = {
  resize(set, [width, height, outbound, keep, fill]) {
    set.width = size('resize', width)
    set.height = size('resize', height)
    set.resize = { outbound: truth(outbound), keep: truth(keep), fill: truth(fill), enlarge: true }
  },
  extract(set, args) {
    const [top = 0, left = 0, width = 0, height = 0] = args.map(arg => size('extract', arg))
    set.extract = { left, top, width, height }
  },
  crop(set, [width, height, gravity, enlarge]) {
    set.width = size('crop', width)
    set.height = size('crop', height)
    set.crop = { gravity: readGravity(String(gravity)), enlarge: truth(enlarge) }
  },
  interlace(set) {
    set.progressive = true
  },
  quality(set, [quality]) {
    set.quality = size('quality', quality)
    if (set.quality < 1 || set.quality > 100) throw invalid('quality', 'expected 1 to 100')
  },
  stripMetadata(set) {
    set.strip = true
  },
  blur(set, [sigma, minAmplitude]) {
    set.blur = { sigma: number('blur', sigma), minAmplitude: number('blur', minAmplitude) }
    if (!(set.blur.sigma > 0 && set.blur.sigma <= 100)) throw invalid('blur', 'expected a sigma above 0, up to 100')
  },
  format(set, [format]) {
    set.format = readFormat(String(format))
    if (!set.format) throw invalid('format', 'expected one that is known')
  },
  grayscale(set) {
    set.grayscale = true
  },
  rotate(set, [given]) {
    const angle = number('rotate', given)
    if (angle !== 0 && angle !== 90 && angle !== 180 && angle !== 270) {
      throw invalid('rotate', 'expected 0, 90, 180 or 270')
    }
    set.rotate = angle
  },
  resizeCropAuto: notHere,
  watermark: notHere,
}

function notHere(): never {
  throw new MortiseError('unsupported', 'script: this version has neither watermark nor resizeCropAuto')
}

function size(name: string, value: unknown): number {
  const whole = Math.trunc(number(name, value))
  if (whole < 0 || whole > 2 ** 31 - 1) throw invalid(name, 'expected a number of px that is not negative')
  return whole
}

/** Texts with a number count as that number, as in mort. */
function number(name: string, value: unknown): number {
  const found = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof found === 'number' && Number.isFinite(found)) return found
  throw invalid(name, 'expected a number')
}

/** As in mort, where every value but an empty one is true. */
const truth = (value: unknown) => Boolean(value)

const invalid = (name: string, message: string) =>
  new MortiseError('invalid_request', `script: ${name.slice(0, 64)}: ${message}`)
