import type { Format, Step } from '@mortise/operations'

/**
 * What one URL or preset asks for: mort's "transform set". Operations write into shared fields, so that with two
 * operations in one set the later one's width and height hold for both, as in mort.
 */
export type TransformSet = {
  /** px; 0 when not given. */
  width: number
  height: number
  /** `null` until an operation that resizes was recorded: with mort's flags, or with what they come to. */
  resize: MortResize | { fit: Fit; enlarge: boolean } | null
  crop: { gravity: Gravity; enlarge: boolean } | null
  /** Fits inside width x height and fills up what is left. */
  pad: { gravity: Exclude<Gravity, 'smart'>; background: string } | null
  extract: { left: number; top: number; width: number; height: number } | null
  /** Degrees clockwise; 0 is recorded, but turns nothing. */
  rotate: 0 | 90 | 180 | 270 | null
  blur: { sigma: number; minAmplitude: number } | null
  grayscale: boolean
  progressive: boolean
  strip: boolean
  /** 1 to 100; `auto`: the default of the format. */
  quality: number | 'auto' | null
  /** `auto`: the best that the client accepts, else that of the original. */
  format: Format | 'auto' | null
}

export type Gravity = Extract<Step, { op: 'crop' }>['gravity']
type Fit = Extract<Step, { op: 'resize' }>['fit']
type MortResize = { outbound: boolean; keep: boolean; fill: boolean; enlarge: boolean }

export const emptySet: TransformSet = {
  width: 0,
  height: 0,
  resize: null,
  crop: null,
  pad: null,
  extract: null,
  rotate: null,
  blur: null,
  grayscale: false,
  progressive: false,
  strip: false,
  quality: null,
  format: null,
}

/** A set counts as soon as one operation was recorded, even one without an effect. */
export function isEmpty(set: TransformSet): boolean {
  return (Object.keys(emptySet) as (keyof TransformSet)[]).every(name => set[name] === emptySet[name])
}

/**
 * The steps of a set in the order in which mort runs them within one pass: rotate, then resize, then one of crop and
 * extract (crop wins), then blur, then colour. Steps that would change nothing are left out.
 */
export function toSteps(set: TransformSet): Step[] {
  const steps: Step[] = []
  if (set.rotate) steps.push({ op: 'rotate', angle: set.rotate })
  steps.push(...sizing(set))
  if (set.blur) steps.push({ op: 'blur', ...set.blur })
  if (set.grayscale) steps.push({ op: 'grayscale' })
  return steps
}

function sizing(set: TransformSet): Step[] {
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
  if (resize && steps.length === 0 && (width > 0 || height > 0)) steps.push(plainResize(set, resize, both))
  if (extract && (extract.width > 0 || extract.height > 0)) steps.push({ op: 'extract', ...extract })
  return steps
}

/** The rows of mort's resize table: which of its flags win over which. */
function plainResize(set: TransformSet, resize: NonNullable<TransformSet['resize']>, both: boolean): Step {
  const { width, height } = set
  const size = { op: 'resize', width, height } as const
  if ('fit' in resize) return { ...size, ...resize }
  if (resize.keep && both) return { ...size, fit: 'keep', enlarge: resize.enlarge }
  if (resize.outbound) return { ...size, fit: 'inside', enlarge: resize.enlarge }
  // Only next to a rotation does mort refuse to enlarge.
  if (set.rotate) return { ...size, fit: 'inside', enlarge: false }
  return { ...size, fit: 'stretch', enlarge: resize.enlarge }
}
