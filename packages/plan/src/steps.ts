import type { CompatWord } from '@mortise/config'
import type { Step } from '@mortise/operations'
import type { TransformSet } from './transform-set.ts'

/** Which of mort's ways are kept. */
export type Compat = readonly CompatWord[]

/**
 * The steps of a set in the order in which mort runs them: rotate, then resize, then one of crop and extract (crop
 * wins), then blur, watermark, resizeCropAuto, colour. Steps that would change nothing are left out.
 */
export function toSteps(set: TransformSet, compat: Compat): Step[] {
  const steps: Step[] = []
  const autoCrop = toAutoCrop(set)
  if (set.rotate) steps.push({ op: 'rotate', angle: set.rotate })
  if (autoCrop && comesFirst(set)) steps.push(autoCrop)
  steps.push(...sizing(set, compat))
  if (set.blur) steps.push({ op: 'blur', ...set.blur })
  if (set.watermark) steps.push(toWatermark(set.watermark, compat))
  // mort blurs and marks the image before this cut, so the mark shrinks with it. Grey is grey before and after, and
  // behind the cut it costs no pipeline.
  if (autoCrop && !comesFirst(set)) steps.push(autoCrop)
  if (set.grayscale) steps.push({ op: 'grayscale' })
  return steps
}

function sizing(set: TransformSet, compat: Compat): Step[] {
  const { width, height, resize, crop, pad, extract } = set
  const both = width > 0 && height > 0
  const steps: Step[] = []
  if (pad && both) return [{ op: 'pad', width, height, ...pad }]
  if (resize && 'fill' in resize && resize.fill && both) {
    steps.push({ op: 'resize', width, height, fit: 'cover', enlarge: resize.enlarge })
  }
  if (crop) {
    if (width > 0 || height > 0) steps.push({ op: 'crop', width, height, ...crop })
    return steps
  }
  if (resize && steps.length === 0 && (width > 0 || height > 0)) steps.push(plainResize(set, resize, compat))
  if (extract && (extract.width > 0 || extract.height > 0)) steps.push({ op: 'extract', ...extract })
  return steps
}

/** The rows of mort's resize table: which of its flags win over which. */
function plainResize(set: TransformSet, resize: NonNullable<TransformSet['resize']>, compat: Compat): Step {
  const { width, height } = set
  const size = { op: 'resize', width, height } as const
  // mort drops one of the sizes by whole quotients, and then misses the other one where they are equal.
  const keep = compat.includes('integer-ratio') ? 'keep' : 'inside'
  if ('fit' in resize) return { ...size, ...resize, fit: resize.fit === 'keep' ? keep : resize.fit }
  // Only next to a rotation does mort refuse to enlarge.
  const enlarge = resize.enlarge && (resize.outbound || !set.rotate)
  if (resize.keep && width > 0 && height > 0) return { ...size, fit: keep, enlarge }
  return { ...size, fit: resize.outbound || set.rotate ? 'inside' : 'stretch', enlarge }
}

/** With one size the image is cut to that; mort fails there. */
function toAutoCrop({ autoCrop }: TransformSet): Step | null {
  if (!autoCrop || autoCrop.width + autoCrop.height === 0) return null
  if (autoCrop.width > 0 && autoCrop.height > 0) return { op: 'resizeCropAuto', ...autoCrop }
  return { op: 'crop', ...autoCrop, gravity: 'center', enlarge: false }
}

/** So it is in mort where an area is cut out that is no smaller than what the image was resized to. */
function comesFirst({ extract, width, height }: TransformSet): boolean {
  if (!extract || extract.width + extract.height === 0) return false
  return extract.width >= width && extract.height >= height
}

function toWatermark({ row, column, ...rest }: NonNullable<TransformSet['watermark']>, compat: Compat): Step {
  const asInMort = row === 1 ? 1 : 0
  return { op: 'watermark', ...rest, column: compat.includes('watermark-position') ? asInMort : column, row }
}
