import type { Format } from '@mortise/operations'
import type { Warn } from './grammars/grammar.ts'
import { ignoresProgressive, ignoresQuality, newestFormat } from './output.ts'
import type { TransformSet } from './transform-set.ts'
import type { Output } from './types.ts'

/** Warns of what a set asks for without getting it, wherever it came from. */
export function warnOfSet(set: TransformSet, warn: Warn): void {
  const { width, height, resize, crop, pad, extract, autoCrop, rotate, blur } = set
  const fills = resize && 'fill' in resize && resize.fill && width > 0 && height > 0
  if (crop && width === 0 && height === 0) warn('crop: has no effect without width or height')
  if (resize && width === 0 && height === 0 && !crop) warn('resize: has no effect without width or height')
  if (crop && resize && !fills) warn('resize: has no effect, crop comes in its place')
  if ((crop || pad) && extract) warn('extract: has no effect, crop comes in its place')
  else if (extract && extract.width === 0 && extract.height === 0) {
    warn('extract: has no effect without areaWith or areaHeight')
  }
  if (autoCrop && autoCrop.width + autoCrop.height === 0) warn('resizeCropAuto: has no effect without width or height')
  if (rotate === 0) warn('rotate: 0 turns nothing')
  if (blur && blur.sigma < 0.3) warn('blur: has no effect below a sigma of 0.3')
  if (blur && blur.minAmplitude !== 0 && (blur.minAmplitude < 0.001 || blur.minAmplitude > 1)) {
    warn('minAmpl: has no effect outside of 0.001 to 1')
  }
}

/** Warns of wishes about the file that the output does not have. */
export function warnOfOutput(
  sets: readonly TransformSet[],
  { format, progressive }: Output,
  chosen: Format | null,
  warn: Warn,
): void {
  const named = newestFormat(sets)
  if (chosen && named && named !== 'auto' && named !== chosen) {
    warn(`format: ${named} is replaced by ${chosen}, which the client accepts`)
  }
  if (ignoresQuality.has(format) && sets.some(set => typeof set.quality === 'number')) {
    warn(`quality: has no effect on ${format}`)
  }
  if (ignoresProgressive.has(format) && !progressive && sets.some(set => set.progressive)) {
    warn(`interlace: has no effect on ${format}`)
  }
}
