import { MortiseError } from '@mortise/errors'
import { readHeader } from '../header.ts'

/** A picture that an SVG holds itself, in the address of it (RFC 2397). */
export type Picture = {
  format: string
  bytes: Uint8Array
  /** 0 until it is measured. */
  pixels: number
}

/** In one SVG. */
const maxPictures = 256

/** What an address holds, one or none. Throws `invalid_request` for whatever else it holds: an SVG in an SVG, a text. */
export function readPictures(address: string): Picture[] {
  const text = withoutSpace(address)
  if (!/data:/i.test(text)) return []
  // Others, GIF and WebP too, are left out by the renderer, and nobody would know why.
  const [, type, base64] = /^data:image\/(png|jpe?g);base64,([a-z0-9+/]+={0,2})$/i.exec(text) ?? []
  if (!type || !base64) throw new MortiseError('invalid_request', 'an SVG with data: that is no PNG or JPEG')
  const format = type.toLowerCase().replace('jpg', 'jpeg')
  return [{ format, bytes: Buffer.from(base64, 'base64'), pixels: 0 }]
}

/** A URL may have white space anywhere, and means the same without. */
export function withoutSpace(address: string): string {
  return address.replaceAll(/[\u0000-\u0020]+/g, '')
}

/**
 * Reads from their headers how many pixels they have. Throws `invalid_request` for one that is no picture of the format
 * that its address says, and `limit_exceeded` for too many.
 */
export async function measurePictures(pictures: Picture[]): Promise<void> {
  if (pictures.length > maxPictures) throw new MortiseError('limit_exceeded', `an SVG with ${pictures.length} pictures`)
  for (const picture of pictures) {
    const { format, width, height } = await readHeader(picture.bytes, Number.MAX_SAFE_INTEGER, refuse).catch(cause => {
      throw new MortiseError('invalid_request', 'an SVG with a broken picture in it', { cause })
    })
    if (format !== picture.format) throw new MortiseError('invalid_request', `a ${format} that an SVG calls otherwise`)
    picture.pixels = width * height
  }
}

const refuse = () => Promise.reject(new MortiseError('invalid_request', 'an SVG in an SVG'))
