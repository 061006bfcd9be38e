import { z } from 'zod'
import type { Frame, Size } from './operation.ts'

/** Whole px; 0 is absent. How large is too large is decided where the limits are known. */
export const side = z.int().nonnegative()

/** The other side of a proportional change: rounded, and never nothing. */
export function proportional(side: number, from: number, to: number): number {
  return Math.max(1, Math.round((side * to) / from))
}

/** The smallest size with the ratio of `frame` that covers `target`: what a cover is scaled to before it is cut. */
export function covering(frame: Frame, target: Frame): Frame {
  const scale = Math.max(target.width / frame.width, target.height / frame.height)
  return { ...frame, width: Math.round(frame.width * scale), height: Math.round(frame.height * scale) }
}

/** How many px of `from` become one of `to`, on the side where they are fewer. */
export function reductionOf(from: Size, to: Size): number {
  return Math.min(from.width / to.width, from.height / to.height)
}
