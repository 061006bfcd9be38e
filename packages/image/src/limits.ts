import { MortiseError } from '@mortise/errors'
import { type Format, type Frame, operationOf, places, type Size, type Step } from '@mortise/operations'
import { decoding, embeddedBytes, encoding, lines, textBytes } from './bytes.ts'
import { toOverlayError } from './errors.ts'
import type { Header } from './header.ts'
import type { KnownOverlay } from './headers.ts'
import { drawingMs } from './svg/drawing.ts'
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
 * estimate. Throws `limit_exceeded`, and `invalid_request` for a step that this image does not allow and for an overlay
 * that is too large.
 */
export function checkLimits(work: Work, size: number, overlays: KnownOverlay[], limits: ImageLimits): number {
  const { reading, rest } = checkSteps(work, size, overlays, limits)
  return checkMemory(reading + rest, limits)
}

/** Throws `limit_exceeded` for more bytes than there may be at one time. */
export function checkMemory(bytes: number, limits: ImageLimits): number {
  if (bytes <= limits.memory) return bytes
  throw new MortiseError('limit_exceeded', `about ${bytes} bytes of memory are needed`)
}

/** The same but for the sum: bytes for the original, as a file and as pixels, and for what is made of it. */
export function checkSteps(
  { header, pipelines, output, frame, opaque }: Work,
  size: number,
  overlays: KnownOverlay[],
  limits: ImageLimits,
): { reading: number; rest: number } {
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
  const start = decoded(header, frame, pipelines[0].steps)
  let { drawing } = start
  checkDrawing(drawing, limits)

  // Pixels are handed from one pipeline to the next in one piece, and are there twice while they are.
  const between = 2 * 4 * largest
  const written = encoding(output.format, opaque) * pixels(last) + lines * last.width
  let laid = 0
  for (const overlay of overlays) {
    const more = checkOverlay(overlay, drawing, limits)
    laid += more.bytes
    drawing += more.drawing
  }
  return { reading: fileBytes(header, size) + start.bytes, rest: between + written + laid }
}

/** Bytes for an original of `size` bytes, as a file and as the pixels that its first steps ask for. */
export const readingBytes = ({ header, frame }: Work, steps: Step[], size: number) =>
  fileBytes(header, size) + decoded(header, frame, steps).bytes

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

const fileBytes = ({ drawing }: Header, size: number) => (drawing ? textBytes * size : size)

// Nothing interrupts the drawing of an SVG, and a pool that has waited for twice the time gives its process up.
function checkDrawing(ms: number, { renderSeconds }: ImageLimits) {
  if (ms <= renderSeconds * 1500) return
  throw new MortiseError('limit_exceeded', `an SVG that may take ${Math.round(ms / 1000)} s to draw`)
}

/**
 * Returns the bytes that an overlay takes: its file, decoded, all of it as it is laid over, and the part that shows; and
 * the time to draw it, after `before` ms of others in the same render.
 */
function checkOverlay({ bytes, header }: KnownOverlay, before: number, limits: ImageLimits) {
  const frame = { width: header.width, height: header.height, pages: 1 }
  try {
    atMost('an overlay', limits.inputPixels)(frame)
    const { bytes: first, drawing } = decoded(header, frame, [])
    if (drawing > 0) checkDrawing(before + drawing, limits)
    return { bytes: fileBytes(header, bytes.byteLength) + first + 2 * 4 * pixels(frame), drawing }
  } catch (error) {
    throw toOverlayError(error)
  }
}

/** What the pixels of an original take, and how many ms it takes to draw an SVG. */
function decoded(header: Header, frame: Frame, steps: Step[]): { bytes: number; drawing: number } {
  const [first] = steps
  const scaled = first && startsWithScale(first) ? operationOf(first).scaled?.(frame, first) : undefined
  if (header.drawing) {
    // It is drawn in the size that is asked for, with its layers one over the other.
    const area = Math.max(pixels(frame), pixels(scaled ?? frame))
    const { layers, pixels: embedded } = header.drawing
    const drawing = drawingMs(header.drawing, area, Math.max(frame.height, scaled?.height ?? 0))
    return { bytes: area * 4 * (1 + layers) + embedded * embeddedBytes, drawing }
  }
  const full = pixels(frame) * decoding(header)
  const shrink = scaled ? shrinkOnLoad(header.format, frame, scaled) : 1
  // All coefficients of a progressive JPEG are in memory, two bytes each, however small its pixels become.
  const coefficients = header.format === 'jpeg' && header.progressive ? 2 * pixels(frame) * header.bands : 0
  const bytes = full / shrink ** 2 + (lines * frame.width) / shrink + coefficients
  return { bytes: Math.ceil(bytes), drawing: 0 }
}

/** Nothing stands between the decoder and the change of size. */
export const startsWithScale = (step: Step) => operationOf(step).places.includes(places.scale)

/** By how much sharp lets the decoder divide both sides; only a change of size in the first place allows it. */
export function shrinkOnLoad(format: Header['format'], frame: Size, scaled: Size): number {
  const shrink = Math.min(frame.width / scaled.width, frame.height / scaled.height)
  if (format === 'webp') return Math.max(1, shrink)
  if (format !== 'jpeg') return 1
  const factor = [8, 4, 2].find(candidate => shrink >= candidate) ?? 1
  // sharp leaves a factor of two to the final resize where rounding could make the image one px short.
  return factor > 1 && Math.floor(shrink) === factor ? factor / 2 : factor
}
