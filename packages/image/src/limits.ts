import { MortiseError } from '@mortise/errors'
import { type Format, type Frame, operationOf, type Step } from '@mortise/operations'
import type { Header } from './header.ts'
import type { ImageLimits } from './types.ts'
import type { Work } from './work.ts'

// px of one side that the format itself (or its encoder) can hold.
const formatSide: Record<Format, number> = {
  jpeg: 65_535,
  png: 1_000_000,
  webp: 16_383,
  avif: 16_384,
  tiff: 1_000_000,
  gif: 65_535,
}

/**
 * Refuses what is too large before pixels are decoded, and returns how many bytes the rest will take at most, by
 * estimate. Throws `limit_exceeded`, and `invalid_request` for a step that this image does not allow.
 */
export function checkLimits({ header, pipelines, output, frame }: Work, size: number, limits: ImageLimits): number {
  const within = atMost('the original', limits.inputPixels)
  within(frame)
  let last = frame
  let largest = 0
  for (const { steps } of pipelines) {
    for (const step of steps) {
      const operation = operationOf(step)
      const after = operation.resize(last, step)
      // What is between the original and the derivative may be as large as an original, and no larger.
      within(after)
      if (operation.scaled) within(operation.scaled(last, step))
      last = after
    }
    if (pipelines.length > 1) largest = Math.max(largest, pixels(last))
  }
  checkDerivative(last, output.format, limits)

  // Pixels are handed from one pipeline to the next in one piece, and are there twice while they are.
  const memory =
    size + decoded(header, frame, pipelines[0].steps) + 2 * 4 * largest + encoding(output.format) * pixels(last)
  if (memory > limits.memory) throw new MortiseError('limit_exceeded', `about ${memory} bytes of memory are needed`)
  return memory
}

// Bytes for each pixel that is written. The encoder of AVIF has several pictures of its own in hand.
const encoding = (format: Format) => (format === 'avif' ? 32 : 4)

const pixels = ({ width, height, pages }: Frame) => width * height * pages

const print = ({ width, height, pages }: Frame) => `${width}x${height}${pages > 1 ? ` in ${pages} frames` : ''}`

const atMost = (what: string, limit: number) => (frame: Frame) => {
  if (pixels(frame) <= limit) return
  throw new MortiseError('limit_exceeded', `${print(frame)} on the way from ${what} is over ${limit} pixels`)
}

function checkDerivative(frame: Frame, format: Format, limits: ImageLimits) {
  atMost('original to derivative', limits.outputPixels)(frame)
  if (format === 'avif') atMost('original to AVIF', limits.avifPixels)(frame)
  const side = Math.min(limits.outputSide, formatSide[format])
  if (frame.width <= side && frame.height <= side) return
  throw new MortiseError('limit_exceeded', `${print(frame)}: no side of a ${format} may be over ${side} px`)
}

function decoded(header: Header, frame: Frame, steps: Step[]): number {
  const full = pixels(frame) * header.bands * header.depth
  const shrink = shrinkOnLoad(header.format, frame, steps[0])
  // All coefficients of a progressive JPEG are in memory, two bytes each, however small its pixels become.
  const coefficients = header.format === 'jpeg' && header.progressive ? 2 * full : 0
  return Math.ceil(full / shrink ** 2) + coefficients
}

/** By how much sharp lets the decoder divide both sides; only a change of size in the first place allows it. */
function shrinkOnLoad(format: Header['format'], frame: Frame, first: Step | undefined): number {
  const scaled = first && operationOf(first).scaled?.(frame, first)
  if (!scaled) return 1
  const shrink = Math.min(frame.width / scaled.width, frame.height / scaled.height)
  if (format === 'webp') return Math.max(1, shrink)
  if (format !== 'jpeg') return 1
  const factor = [8, 4, 2].find(candidate => shrink >= candidate) ?? 1
  // sharp leaves a factor of two to the final resize where rounding could make the image one px short.
  return factor > 1 && Math.floor(shrink) === factor ? factor / 2 : factor
}
