import { type Format, formats, type Step } from '@mortise/operations'
import { checkPath } from '../address.ts'

type Gravity = Extract<Step, { op: 'crop' }>['gravity']

const gravities = ['center', 'north', 'south', 'east', 'west'] as const

/** Whatever is no known gravity is the smart one, as in mort. */
export function readGravity(text: string | undefined): Gravity {
  return gravities.find(gravity => gravity === text) ?? 'smart'
}

/** `null` for what is no output format. `jpg` is `jpeg`. */
export function readFormat(text: string): Format | null {
  if (text === 'jpg') return 'jpeg'
  return formats.find(format => format === text) ?? null
}

/** The path of a parent. Empty segments are dropped, as joining does in mort; what climbs is refused, not cleaned. */
export function parentPath(bucket: string, text: string): string {
  return checkPath(`/${bucket}/${text}`.replace(/\/{2,}/g, '/'))
}
