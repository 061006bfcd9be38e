import { MortiseError } from '@mortise/errors'
import { type Format, formats } from '@mortise/operations'
import sharp, { type Metadata } from 'sharp'
import { toRenderError } from './errors.ts'
import type { Drawing } from './svg/drawing.ts'

/** How an SVG is looked through: it is a program, and nothing interrupts it. Throws as `readDrawing` does. */
export type Look = (svg: Uint8Array) => Promise<Drawing>

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
  alpha: boolean
  /** Bytes of one sample of one band. */
  depth: number
  cmyk: boolean
  profile: boolean
  /** EXIF, IPTC or comments. */
  tags: boolean
  /** IPTC, which a PNG cannot carry. */
  iptc: boolean
  xmp: boolean
  /** Progressive JPEG or interlaced PNG. */
  progressive: boolean
  /** Of an SVG. */
  drawing?: Drawing
  /** Of an animation: ms for each frame, and how often it runs (0: for ever). */
  delay: number[]
  loop: number
}

const bytesOf: Record<string, number> = { uchar: 1, char: 1, ushort: 2, short: 2, uint: 4, int: 4, float: 4 }

// The first bytes of JPEG, PNG, GIF, WebP, TIFF and AVIF. libvips would take nearly any other text for an SVG.
const raster = /^(\xff\xd8\xff|\x89PNG|GIF8|RIFF....WEBP|II[*+]\0|MM\0[*+]|....ftyp)/s
/** With the pictures in it. The renderer's parser takes no longer text. */
const maxSvgBytes = 10_000_000
const xml = /^(\xef\xbb\xbf)?\s*</

/**
 * Reads no pixels, and looks through an SVG before libvips sees it. Throws `undecodable`, what `look` throws, and
 * sometimes `limit_exceeded` for a frame of more than `inputPixels`.
 */
export async function readHeader(bytes: Uint8Array, inputPixels: number, look: Look): Promise<Header> {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 0, 256)
  const isRaster = raster.test(start)
  // A compressed SVG is none either: how large it becomes is known too late.
  if (!isRaster && !xml.test(start)) throw new MortiseError('undecodable', 'not an image of a format that is read')
  if (!isRaster && bytes.byteLength > maxSvgBytes) {
    throw new MortiseError('limit_exceeded', `an SVG of ${bytes.byteLength} bytes`)
  }
  const drawing = isRaster ? undefined : await look(bytes)
  if (drawing && drawing.pixels > inputPixels) {
    throw new MortiseError('limit_exceeded', `${drawing.pixels} pixels of pictures in an SVG are over ${inputPixels}`)
  }
  const metadata = await read(bytes, inputPixels)
  return {
    format: formatOf(metadata, drawing),
    width: metadata.width,
    height: metadata.height,
    orientation: metadata.orientation ?? 1,
    frames: metadata.pages ?? 1,
    bands: metadata.channels,
    alpha: metadata.hasAlpha,
    depth: bytesOf[metadata.depth] ?? 8,
    cmyk: metadata.space === 'cmyk',
    profile: metadata.hasProfile,
    tags: Boolean(metadata.exif ?? metadata.iptc ?? metadata.comments),
    iptc: Boolean(metadata.iptc),
    xmp: Boolean(metadata.xmp),
    progressive: metadata.isProgressive,
    delay: metadata.delay ?? [],
    loop: metadata.loop ?? 0,
    ...(drawing && { drawing }),
  }
}

async function read(bytes: Uint8Array, limitInputPixels: number): Promise<Metadata> {
  try {
    return await sharp(bytes, { limitInputPixels }).metadata()
  } catch (error) {
    throw toRenderError(error)
  }
}

function formatOf({ format, compression }: Metadata, drawing: Drawing | undefined): Header['format'] {
  // What is an SVG only to libvips has not been looked through.
  if (format === 'svg' && drawing) return format
  const name = format === 'heif' && compression === 'av1' ? 'avif' : format
  const known = formats.find(candidate => candidate === name)
  if (!known) throw new MortiseError('undecodable', `${format} (${compression ?? 'unknown compression'}) is not read`)
  return known
}
