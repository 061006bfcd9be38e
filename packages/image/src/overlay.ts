import type { Overlay, Overlays } from '@mortise/operations'
import { toOverlayError } from './errors.ts'
import type { Header } from './header.ts'
import { type Bounds, open } from './source.ts'

/** An image that steps lay over others, as it is sent to a thread. */
export type OverlayFile = { name: string; bytes: Uint8Array<ArrayBuffer>; header: Header }

/** Upright, in sRGB, its first frame. Throws `undecodable` and `invalid_request`, both with a message that says watermark. */
export async function decodeOverlays(files: OverlayFile[], bounds: Bounds): Promise<Overlays> {
  const decoded = new Map<string, Overlay>()
  for (const file of files) decoded.set(file.name, await decode(file, bounds))
  return decoded
}

async function decode({ bytes, header }: OverlayFile, bounds: Bounds): Promise<Overlay> {
  try {
    const image = open({ kind: 'original', bytes }, 1, true, bounds)
    // As for originals: 16-bit pixels would stay in the colours of Display P3.
    if (header.profile && header.depth > 1) image.withIccProfile('srgb', { attach: false })
    const { data, info } = await image.toColourspace('srgb').ensureAlpha().raw().toUint8Array()
    if (info.channels !== 4) throw new TypeError(`${info.channels} bands of a watermark`)
    return { width: info.width, height: info.height, pixels: data }
  } catch (error) {
    throw toOverlayError(error)
  }
}
