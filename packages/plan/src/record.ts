import { mortWords } from './mort-hash.ts'
import type { Angle, Gravity, Third, TransformSet } from './transform-set.ts'
import { above0, format, invalid, px, quality } from './values.ts'

type Size = { width: number; height: number }

/**
 * The operations of mort, each written into a set as its grammars and scripts call them: in that order, the later ones
 * over the earlier ones. Each throws `invalid_request` for values that cannot be.
 */
export const record = {
  /** `outbound` is what mort calls enlarging; it enlarges without it, too. */
  resize(set: TransformSet, { width, height, ...flags }: Size & Record<'outbound' | 'keep' | 'fill', boolean>) {
    setSize(set, 'resize', { width, height })
    set.resize = { ...flags, enlarge: true }
    set.words.push(...mortWords.resize({ width, height, ...flags }))
  },

  /** Whatever is no known gravity is the smart one; `embed` has no effect. */
  crop(set: TransformSet, crop: Size & { gravity: string | undefined; enlarge: boolean; embed: boolean }) {
    setSize(set, 'crop', crop)
    const gravity = gravities.find(name => name === crop.gravity) ?? 'smart'
    set.crop = { gravity, enlarge: crop.enlarge }
    set.words.push(...mortWords.crop({ ...crop, gravity }))
  },

  extract(set: TransformSet, { top, left, width, height }: Size & { top: number; left: number }) {
    set.extract = {
      left: px('extract: left', left),
      top: px('extract: top', top),
      width: px('extract: width', width),
      height: px('extract: height', height),
    }
    set.words.push(...mortWords.extract(set, set.extract))
    set.beyondWords = true
  },

  resizeCropAuto(set: TransformSet, { width, height }: Size) {
    set.autoCrop = { width: px('resizeCropAuto: width', width), height: px('resizeCropAuto: height', height) }
    set.words.push(...mortWords.resizeCropAuto(set.autoCrop))
  },

  /** `file`: who wrote this may name a local file, as a path; a URL is one of http or https. */
  watermark(
    set: TransformSet,
    { image, position, opacity, file }: { image: string; position: string; opacity: number; file: boolean },
  ) {
    const [, row = '', column = ''] = /^(top|center|bottom)-(left|center|right)$/.exec(position) ?? []
    if (row === '') throw invalid('watermark: position', position, 'top, center or bottom, -, left, center or right')
    if (!(opacity >= 0 && opacity <= 1)) throw invalid('watermark: opacity', opacity, '0 to 1')
    set.watermark = {
      image: imageOf(image, file),
      row: thirds[row as keyof typeof thirds],
      column: thirds[column as keyof typeof thirds],
      // As in mort, where 0 is as good as absent.
      opacity: opacity || 1,
    }
    set.words.push(...mortWords.watermark(image, position, opacity))
    set.beyondWords = true
  },

  interlace(set: TransformSet) {
    set.progressive = true
    set.words.push(...mortWords.interlace())
  },

  strip(set: TransformSet) {
    set.strip = true
    set.words.push(...mortWords.strip())
  },

  grayscale(set: TransformSet) {
    set.grayscale = true
    set.words.push(...mortWords.grayscale())
  },

  quality(set: TransformSet, value: number) {
    set.quality = quality(value)
    set.words.push(...mortWords.quality(value))
  },

  /** `single`: mort reads these numbers in single precision, which its hash shows. */
  blur(set: TransformSet, sigma: number, minAmplitude: number, single = false) {
    set.blur = { sigma: above0('blur: sigma', sigma, 100), minAmplitude }
    const round = single ? Math.fround : (value: number) => value
    set.words.push(...mortWords.blur(round(sigma), round(minAmplitude)))
  },

  format(set: TransformSet, name: string) {
    set.format = format(name)
    set.words.push(...mortWords.format(set.format))
    if (set.format === 'avif' || set.format === 'tiff') set.beyondWords = true
  },

  rotate(set: TransformSet, angle: number) {
    if (!isAngle(angle)) throw invalid('rotate', angle, '0, 90, 180 or 270')
    set.rotate = angle
    set.words.push(...mortWords.rotate(angle))
  },
}

export function isAngle(angle: number): angle is Angle {
  return angle === 0 || angle === 90 || angle === 180 || angle === 270
}

const gravities: readonly Gravity[] = ['center', 'north', 'south', 'east', 'west']

const thirds = { top: 0, left: 0, center: 1, bottom: 2, right: 2 } as const satisfies Record<string, Third>

function setSize(set: TransformSet, name: string, { width, height }: Size): void {
  set.width = px(`${name}: width`, width)
  set.height = px(`${name}: height`, height)
}

/** Characters of the address of an image. */
const maxImage = 2048

function imageOf(text: string, file: boolean): string {
  const image = file && text !== '' && !/^https?:/i.test(text) ? fileOf(text) : urlOf(text)
  if (!image || image.length > maxImage) {
    // What a preset says may hold a secret.
    const found = file && text !== '' ? 'another text' : text
    const path = file ? ', or a path' : ''
    throw invalid(
      'watermark: image',
      found,
      `a URL of http or https, without a user${path}; up to ${maxImage} characters`,
    )
  }
  return image
}

const fileOf = (path: string) => (path.startsWith('file:') ? path : `file:${path}`)

function urlOf(text: string): string | null {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return null
  // It is never sent: what differs in it alone is one image.
  url.hash = ''
  return url.href
}
