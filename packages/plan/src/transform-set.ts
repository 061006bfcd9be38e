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
  /** mort's resizeCropAuto, which has a size of its own. */
  autoCrop: { width: number; height: number } | null
  /** `image` as in the step; `row` and `column` as its position says, in thirds. */
  watermark: { image: string; row: Third; column: Third; opacity: number } | null
  /** Degrees clockwise; 0 is recorded, but turns nothing. */
  rotate: Angle | null
  blur: { sigma: number; minAmplitude: number } | null
  grayscale: boolean
  progressive: boolean
  strip: boolean
  /** 1 to 100; `auto`: the default of the format. */
  quality: number | 'auto' | null
  /** `auto`: the best that the client accepts, else that of the original. */
  format: Format | 'auto' | null
  /** What mort would hash of the operations, in the order in which they were recorded. */
  words: number[]
  /** `words` do not tell this set from every other one. */
  beyondWords: boolean
}

export type Gravity = Extract<Step, { op: 'crop' }>['gravity']
export type Angle = 0 | 90 | 180 | 270
export type Third = 0 | 1 | 2
/** `outbound`: fit inside; `keep`: one of the sizes gives way; `fill`: cut to the ratio of both first. */
export type MortResize = { outbound: boolean; keep: boolean; fill: boolean; enlarge: boolean }
type Fit = Extract<Step, { op: 'resize' }>['fit']

const nothing = {
  width: 0,
  height: 0,
  resize: null,
  crop: null,
  pad: null,
  extract: null,
  autoCrop: null,
  watermark: null,
  rotate: null,
  blur: null,
  grayscale: false,
  progressive: false,
  strip: false,
  quality: null,
  format: null,
  beyondWords: false,
} as const satisfies Omit<TransformSet, 'words'>

export function newSet(): TransformSet {
  return { ...nothing, words: [] }
}

/** A set counts as soon as one operation was recorded, even one without an effect. */
export function isEmpty({ words, beyondWords }: TransformSet): boolean {
  return words.length === 0 && !beyondWords
}
