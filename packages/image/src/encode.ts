import type { Format, Frame } from '@mortise/operations'
import type { Sharp } from 'sharp'
import type { Work } from './work.ts'

export const contentTypes: Record<Format, string> = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  avif: 'image/avif',
  tiff: 'image/tiff',
  gif: 'image/gif',
}

/** Says how the image is written. `frame` is what is written. */
export function encode(image: Sharp, { output, header }: Work, frame: Frame): Sharp {
  const motion = frame.pages > 1 ? { delay: header.delay, loop: header.loop } : {}
  return encoders[output.format](image, output, frame, motion)
}

type Motion = { delay?: number[]; loop?: number }
type Encoder = (image: Sharp, output: Work['output'], frame: Frame, motion: Motion) => Sharp

const encoders: Record<Format, Encoder> = {
  // 75, black below what is transparent and full colour resolution from 90 on are mort's.
  jpeg: (image, { quality, progressive }) =>
    image.flatten({ background: '#000' }).jpeg({
      quality: quality ?? 75,
      progressive,
      chromaSubsampling: (quality ?? 75) >= 90 ? '4:4:4' : '4:2:0',
    }),

  // Trying all filters costs half as much again and makes photographs a third smaller.
  png: (image, { progressive }) => image.png({ compressionLevel: 6, adaptiveFiltering: true, progressive }),

  // Effort 4, sharp's default, takes twice as long for 5 % fewer bytes.
  webp: (image, { quality }, _frame, motion) => image.webp({ quality: quality ?? 75, effort: 2, ...motion }),

  // An AVIF encode cannot be interrupted: little effort, and less for large ones. 50 looks like a JPEG of 80.
  avif: (image, { quality }, { width, height }) =>
    image.avif({ quality: quality ?? 50, effort: width * height > 500_000 ? 1 : 2 }),

  tiff: image => image.tiff({ compression: 'lzw', predictor: 'horizontal' }),

  gif: (image, _output, _frame, motion) => image.gif({ effort: 4, ...motion }),
}
