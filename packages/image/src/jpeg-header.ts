import type { Header } from './header.ts'

/**
 * The header of a plain JPEG, which most originals are. Opening one in libvips only to ask it costs 2 to 3 % of making
 * a small derivative. `null` for whatever is out of the ordinary: libvips is asked then, and it alone refuses.
 */
export function readJpegHeader(bytes: Uint8Array): Header | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return null
  let orientation: number | null = null
  let profile = false
  let tags = false
  let [iptc, xmp] = [false, false]
  for (const { marker, start, length } of segments(view)) {
    if (marker === app1 && text(view, start, length, 6) === 'Exif\0\0') {
      // Two of them are a matter of taste.
      if (orientation !== null) return null
      orientation = readOrientation(new DataView(bytes.buffer, bytes.byteOffset + start + 6, length - 6))
      if (orientation === null) return null
    }
    if (marker === app2 && text(view, start, length, 12) === 'ICC_PROFILE\0') profile = true
    if (marker === app1 && text(view, start, length, 5) === 'http:') xmp = true
    if (marker === app13) iptc = true
    if (marker === app13 || marker === comment) tags = true
    if (isFrame(marker)) {
      const frame = readFrame(view, start, length, marker)
      return (
        frame && { ...frame, orientation: orientation ?? 1, profile, tags: tags || orientation !== null, iptc, xmp }
      )
    }
  }
  return null
}

const app1 = 0xe1
const app2 = 0xe2
/** Where IPTC is. */
const app13 = 0xed
const comment = 0xfe
const progressiveFrame = 0xc2

// Baseline, extended and progressive; the other frames are rare and libvips' business. (ITU T.81, table B.1)
const isFrame = (marker: number) => marker >= 0xc0 && marker <= progressiveFrame

// Tables, application data and comments come before the frame; anything else ends the walk.
const isSkipped = (marker: number) => marker === 0xc4 || marker === 0xdb || marker === 0xdd || marker >= 0xe0

function* segments(view: DataView): Generator<{ marker: number; start: number; length: number }> {
  let at = 2
  while (at + 4 <= view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1)
    const length = view.getUint16(at + 2) - 2
    if (marker === 0xff || length < 0 || at + 4 + length > view.byteLength) return
    yield { marker, start: at + 4, length }
    if (!isSkipped(marker)) return
    at += 4 + length
  }
}

type Frame = Omit<Header, 'orientation' | 'profile' | 'tags' | 'iptc' | 'xmp'>

function readFrame(view: DataView, start: number, length: number, marker: number): Frame | null {
  if (length < 6 || view.getUint8(start) !== 8) return null
  const [height, width, bands] = [view.getUint16(start + 1), view.getUint16(start + 3), view.getUint8(start + 5)]
  if (width === 0 || height === 0 || (bands !== 1 && bands !== 3) || length !== 6 + 3 * bands) return null
  const progressive = marker === progressiveFrame
  const plain = { alpha: false, depth: 1, cmyk: false, frames: 1, delay: [], loop: 0 }
  return { format: 'jpeg', width, height, bands, progressive, ...plain }
}

/** The orientation of the first directory: 1 when it has none, `null` when it is not as EXIF says. (EXIF 2.3, 4.6) */
function readOrientation(tiff: DataView): number | null {
  if (tiff.byteLength < 14) return null
  const order = tiff.getUint16(0)
  const little = order === 0x4949
  if ((!little && order !== 0x4d4d) || tiff.getUint16(2, little) !== 42) return null
  const directory = tiff.getUint32(4, little)
  if (directory + 2 > tiff.byteLength) return null
  const entries = tiff.getUint16(directory, little)
  if (directory + 2 + entries * 12 > tiff.byteLength) return null
  for (let entry = directory + 2; entry < directory + 2 + entries * 12; entry += 12) {
    if (tiff.getUint16(entry, little) !== 0x0112) continue
    const short = tiff.getUint16(entry + 2, little) === 3 && tiff.getUint32(entry + 4, little) === 1
    const value = tiff.getUint16(entry + 8, little)
    return short && value >= 1 && value <= 8 ? value : null
  }
  return 1
}

function text(view: DataView, start: number, length: number, count: number): string {
  if (length < count) return ''
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + start, count))
}
