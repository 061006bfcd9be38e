import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import {
  alphaPng,
  animation,
  cmykJpeg,
  deepPng,
  flat,
  type Original,
  photo,
  quadrants,
  svg,
} from '../../../test/fixtures/images.ts'
import { readHeader } from './header.ts'
import { readJpegHeader } from './jpeg-header.ts'
import { readDrawing } from './svg/drawing.ts'
import { readSvg } from './svg/read.ts'

const header = (bytes: Uint8Array) => readHeader(bytes, 100_000_000, async svg => readDrawing(readSvg(svg)))

describe('the header', () => {
  it.each<[string, () => Original | Promise<Original>, object]>([
    ['a JPEG', () => photo(300, 200), { format: 'jpeg', width: 300, height: 200, bands: 3, depth: 1, cmyk: false }],
    ['a JPEG that lies', () => quadrants(80, 40, 6), { width: 40, height: 80, orientation: 6 }],
    ['a JPEG in inks', () => cmykJpeg(30, 20), { format: 'jpeg', bands: 4, cmyk: true, profile: true }],
    ['a PNG with alpha', () => alphaPng(30, 20), { format: 'png', bands: 4, frames: 1 }],
    ['a PNG of 16 bits', () => deepPng(30, 20, 'p3'), { format: 'png', depth: 2, profile: true }],
    ['a TIFF', () => flat('tiff', 30, 20), { format: 'tiff', width: 30 }],
    ['an SVG', () => svg(30, 20), { format: 'svg', width: 30, height: 20 }],
    ['a GIF', () => animation('gif', 30, 20), { width: 30, height: 20, frames: 3, delay: [100, 100, 100], loop: 0 }],
    ['a WebP', () => animation('webp', 30, 20), { width: 30, height: 20, frames: 3, delay: [100, 100, 100], loop: 0 }],
  ])('of %s', async (_name, original, expected) => {
    expect(await header(await original())).toMatchObject(expected)
  })

  it('of an AVIF, by what is in the container', async () => {
    const original = await sharp(await photo(64, 48))
      .avif({ effort: 0 })
      .toBuffer()
    expect(await header(original)).toMatchObject({ format: 'avif', width: 64, height: 48 })
  })
})

describe('the header that is read without libvips', () => {
  const variants = fc.record({
    width: fc.integer({ min: 1, max: 300 }),
    height: fc.integer({ min: 1, max: 300 }),
    progressive: fc.boolean(),
    grey: fc.boolean(),
    orientation: fc.option(fc.integer({ min: 1, max: 8 })),
    exif: fc.boolean(),
    xmp: fc.boolean(),
  })

  it('is what libvips says', async () => {
    await fc.assert(
      fc.asyncProperty(variants, async ({ width, height, progressive, grey, orientation, exif, xmp }) => {
        let image = sharp({ create: { width, height, channels: 3, background: '#369' } }).jpeg({ progressive })
        if (grey) image = image.grayscale().toColourspace('b-w')
        if (exif) image = image.withExif({ IFD0: { Artist: 'Mortise' }, IFD2: { ExposureTime: '1/60' } })
        if (xmp) image = image.withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>here</a></x:xmpmeta>')
        if (orientation) image = image.withMetadata({ orientation })
        const bytes = await image.toBuffer()
        const told = await sharp(bytes).metadata()
        expect(readJpegHeader(bytes)).toMatchObject({
          width: told.width,
          height: told.height,
          orientation: told.orientation ?? 1,
          bands: told.channels,
          progressive: told.isProgressive,
          profile: told.hasProfile,
          tags: told.exif !== undefined,
          iptc: false,
          xmp: told.xmp !== undefined,
        })
      }),
      { numRuns: 60 },
    )
  })

  it('leaves inks and whatever is no JPEG to libvips', async () => {
    expect(readJpegHeader(await cmykJpeg(30, 20))).toBeNull()
    expect(readJpegHeader(await alphaPng(30, 20))).toBeNull()
    expect(readJpegHeader(new Uint8Array(0))).toBeNull()
  })

  it('reads both orders of bytes', () => {
    const exif = (order: string, tag: number[]) => [0xff, 0xe1, 0, 34, ...Buffer.from(`Exif\0\0${order}`), ...tag]
    const little = exif('II', [42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0])
    const big = exif('MM', [0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0])
    const frame = [0xff, 0xc0, 0, 11, 8, 0, 20, 0, 30, 1, 1, 0x11, 0]
    for (const segment of [little, big]) {
      const bytes = Uint8Array.from([0xff, 0xd8, ...segment, ...frame])
      expect(readJpegHeader(bytes)).toMatchObject({ orientation: 6, width: 30, height: 20, bands: 1 })
    }
  })

  it('never throws, whatever the bytes are', async () => {
    const original = await quadrants(80, 40, 6)
    const damage = fc.array(fc.tuple(fc.nat({ max: 700 }), fc.nat({ max: 255 })), { maxLength: 8 })
    fc.assert(
      fc.property(damage, fc.nat({ max: original.length }), (places, length) => {
        const bytes = original.slice()
        for (const [at, value] of places) bytes[at] = value
        const found = readJpegHeader(bytes.subarray(0, length))
        expect(found === null || (found.width > 0 && found.height > 0)).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })
})
