import type { Format } from '@mortise/operations'
import type { Header } from './header.ts'

/**
 * Bytes for each pixel, from the peak memory of a process above what it had before, for 12 megapixels of noise with
 * libvips 8.18; the file itself is counted elsewhere. Measured, for decoding: PNG 1.9, interlaced 3.9, 16 bits 3.1,
 * with alpha 1.7; GIF 5.3; TIFF 1.7; AVIF 19.5. Decoders that stream need less than the pixels themselves, as long as
 * nothing asks for all of them (a turn and a smart crop do).
 */
export function decoding({ format, bands, depth, progressive }: Header): number {
  if (format === 'avif') return 20
  if (format === 'gif') return 6
  return bands * depth * (format === 'png' && progressive ? 1.5 : 1)
}

/** Bytes for each pixel of a picture that an SVG holds: as it is decoded (16 bits, perhaps), and as it is drawn. */
export const embeddedBytes = 20

/** Bytes in memory for each byte of an SVG, which is text in several forms: measured 9 for a picture of 9 MB in it. */
export const textBytes = 10

/**
 * Bytes for each px of width, of the original and of the derivative: whoever streams keeps some lines. Measured for a
 * resize: 560 at 1 000 000 px, 600 at 200 000 px.
 */
export const lines = 600

/**
 * Bytes for each pixel that is written. Measured in the same way, beyond what decoding is taken for: JPEG 3.9, PNG 3.4,
 * WebP 5.7 and with alpha 13.7, AVIF 30.3, TIFF 6.1, GIF 6.
 */
export const encoding = (format: Format, opaque: boolean): number => encoders[format][opaque ? 'opaque' : 'clear']

const encoders: Record<Format, { opaque: number; clear: number }> = {
  jpeg: { opaque: 6, clear: 6 },
  png: { opaque: 5, clear: 6 },
  webp: { opaque: 7, clear: 14 },
  avif: { opaque: 32, clear: 40 },
  tiff: { opaque: 7, clear: 8 },
  gif: { opaque: 7, clear: 8 },
}
