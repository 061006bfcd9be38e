import { MortiseError } from '@mortise/errors'
import { type Format, formats } from '@mortise/operations'
import sharp, { type Metadata } from 'sharp'
import { toRenderError } from './errors.ts'

/** What the first bytes of an original tell. It travels to a thread. */
export type Header = {
  /** `svg` can be read and not written. */
  format: Format | 'svg'
  /** px of one frame as it is stored, before EXIF orientation. */
  width: number
  height: number
  /** EXIF, 1 (upright) to 8. */
  orientation: number
  frames: number
  bands: number
  /** Bytes of one sample of one band. */
  depth: number
  cmyk: boolean
  profile: boolean
  /** Progressive JPEG or interlaced PNG. */
  progressive: boolean
  /** Of an animation: ms for each frame, and how often it runs (0: for ever). */
  delay: number[]
  loop: number
}

const bytesOf: Record<string, number> = { uchar: 1, char: 1, ushort: 2, short: 2, uint: 4, int: 4, float: 4 }

/** An SVG is a program: its text is parsed whole to be asked its size, and nothing interrupts that. */
const maxSvgBytes = 512 * 1024
const lessThan = 0x3c

/** Reads no pixels. Throws `undecodable`, and sometimes `limit_exceeded` for a frame of more than `inputPixels`. */
export async function readHeader(bytes: Uint8Array, inputPixels: number): Promise<Header> {
  if (bytes[0] === lessThan && bytes.byteLength > maxSvgBytes) {
    throw new MortiseError('limit_exceeded', `an SVG of ${bytes.byteLength} bytes`)
  }
  const metadata = await read(bytes, inputPixels)
  return {
    format: formatOf(metadata),
    width: metadata.width,
    height: metadata.height,
    orientation: metadata.orientation ?? 1,
    frames: metadata.pages ?? 1,
    bands: metadata.channels,
    depth: bytesOf[metadata.depth] ?? 8,
    cmyk: metadata.space === 'cmyk',
    profile: metadata.hasProfile,
    progressive: metadata.isProgressive,
    delay: metadata.delay ?? [],
    loop: metadata.loop ?? 0,
  }
}

async function read(bytes: Uint8Array, limitInputPixels: number): Promise<Metadata> {
  try {
    return await sharp(bytes, { limitInputPixels }).metadata()
  } catch (error) {
    throw toRenderError(error)
  }
}

function formatOf({ format, compression }: Metadata): Header['format'] {
  if (format === 'svg') return format
  const name = format === 'heif' && compression === 'av1' ? 'avif' : format
  const known = formats.find(candidate => candidate === name)
  if (!known) throw new MortiseError('undecodable', `${format} (${compression ?? 'unknown compression'}) is not read`)
  return known
}
