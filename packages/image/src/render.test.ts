import { createHash } from 'node:crypto'
import type { Format, Step } from '@mortise/operations'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import {
  alphaPng,
  animation,
  cmykJpeg,
  deepPng,
  greyPng,
  photo,
  photoPng,
  quadrantColours,
  quadrants,
  svg,
} from '../../../test/fixtures/images.ts'
import {
  anOutput,
  blur,
  colourAt,
  crop,
  extract,
  grayscale,
  limits,
  renderWith,
  resize,
  rotate,
  type Wish,
} from '../../../test/fixtures/renders.ts'
import { distance } from '../../../test/golden/distance.ts'
import { readHeader } from './header.ts'
import { createImagePool } from './image.ts'
import { render as renderHere } from './render.ts'
import { readDrawing } from './svg/drawing.ts'
import { readSvg } from './svg/read.ts'
import { planWork } from './work.ts'

const pool = createImagePool({ threads: 2, limits })
afterAll(() => pool.close())

const render = (original: Uint8Array, steps: Step[] = [], wish: Wish = {}) => renderWith(pool, original, steps, wish)
const corners = [
  [0.25, 0.25],
  [0.75, 0.25],
  [0.25, 0.75],
  [0.75, 0.75],
] as const

/** The number of the colour that each quadrant has: [0, 1, 2, 3] when the image is upright. */
async function layout(bytes: Uint8Array): Promise<number[]> {
  const found = await Promise.all(corners.map(([x, y]) => colourAt(bytes, x, y)))
  return found.map(colour => quadrantColours.findIndex(known => known.every((v, i) => Math.abs(v - colour[i]!) < 30)))
}

describe('the size of a derivative', () => {
  it.each<[string, Step[], [number, number]]>([
    ['nothing is asked', [], [400, 300]],
    ['stretched', [resize(90, 120)], [90, 120]],
    ['one size', [resize(90)], [90, 68]],
    ['inside', [resize(90, 90, 'inside')], [90, 68]],
    ['keep', [resize(90, 90, 'keep')], [90, 68]],
    ['cover', [resize(90, 90, 'cover')], [90, 90]],
    ['smart crop', [crop(90, 50, 'smart')], [90, 50]],
    ['crop by one size', [crop(90)], [90, 300]],
    ['crop by one size, smart', [crop(0, 90, 'smart')], [400, 90]],
    ['extract', [extract(10, 20, 100, 50)], [100, 50]],
    ['turned', [rotate(90)], [300, 400]],
    ['turned and stretched', [rotate(90), resize(120)], [120, 160]],
    ['turned and cropped', [rotate(270), crop(50, 90)], [50, 90]],
    ['extract and resize', [extract(10, 20, 100, 50), resize(50)], [50, 25]],
    ['resize and extract', [resize(100), extract(10, 20, 50, 50)], [50, 50]],
    ['crop twice', [crop(100, 100), crop(20, 30)], [20, 30]],
    ['blurred before it is turned', [blur(3), rotate(90), resize(30)], [30, 40]],
    ['everything', [rotate(90), resize(200), extract(0, 0, 100, 100), blur(1), grayscale], [100, 100]],
  ])('%s', async (_name, steps, size) => {
    const { bytes, width, height } = await render(await photo(400, 300), steps)
    expect([width, height]).toEqual(size)
    const metadata = await sharp(bytes).metadata()
    expect([metadata.width, metadata.height]).toEqual(size)
  })

  it('is exact where the decoder of JPEG shrinks', async () => {
    const original = await photo(1001, 751)
    for (const width of [63, 100, 125, 126, 200, 250, 333, 500, 501]) {
      const made = await render(original, [crop(width, width, 'smart')])
      expect([made.width, made.height]).toEqual([width, width])
    }
  })
})

describe('what a derivative shows', () => {
  it('is what the steps say in their order, whatever sharp would do first', async () => {
    const original = await quadrants(200, 100)
    const first = await render(original, [extract(0, 0, 100, 100), rotate(90)], { format: 'png' })
    expect(await layout(first.bytes)).toEqual([2, 0, 2, 0])
    const other = await render(original, [rotate(90), extract(0, 0, 100, 100)], { format: 'png' })
    expect(await layout(other.bytes)).toEqual([2, 0, 2, 0])
    const cut = await render(original, [crop(100, 100, 'west'), crop(50, 50, 'east')], { format: 'png' })
    expect(await layout(cut.bytes)).toEqual([0, 0, 2, 2])
  })

  it.each<[(Step & { op: 'crop' })['gravity'], number[]]>([
    ['west', [0, 0, 2, 2]],
    ['east', [1, 1, 3, 3]],
    ['center', [0, 1, 2, 3]],
  ])('is the part of a crop to the %s', async (gravity, colours) => {
    const { bytes } = await render(await quadrants(200, 100), [crop(50, 50, gravity)], { format: 'png' })
    expect(await layout(bytes)).toEqual(colours)
  })

  it('is the part with something in it, for a smart crop', async () => {
    const dot = svg(
      400,
      100,
      '<rect width="400" height="100" fill="#888"/><circle cx="350" cy="50" r="30" fill="red"/>',
    )
    const { bytes } = await render(dot, [crop(100, 100, 'smart')], { format: 'png' })
    const [red, green] = await colourAt(bytes, 0.5, 0.5)
    expect(red).toBeGreaterThan(200)
    expect(green).toBeLessThan(50)
  })

  it('looks alike in every format', async () => {
    const original = await photo(300, 200)
    for (const format of ['jpeg', 'png', 'webp', 'avif', 'tiff'] as const) {
      expect(await distance((await render(original, [], { format })).bytes, original)).toBeLessThan(3)
    }
  })

  it('is blurred more by a larger sigma', async () => {
    const original = await quadrants(100, 100)
    const edge = async (sigma: number) => {
      const { bytes } = await render(original, [blur(sigma)], { format: 'png' })
      return (await colourAt(bytes, 0.45, 0.25))[0]!
    }
    const [sharpest, soft, softer] = [await edge(0.1), await edge(3), await edge(9)]
    expect(sharpest).toBeGreaterThan(soft)
    expect(soft).toBeGreaterThan(softer)
  })

  it('is grey in one band, with its alpha', async () => {
    const grey = await sharp((await render(await photo(60, 40), [grayscale])).bytes).metadata()
    expect([grey.space, grey.channels]).toEqual(['b-w', 1])
    const clear = await sharp((await render(await alphaPng(60, 40), [grayscale])).bytes).metadata()
    expect([clear.space, clear.channels, clear.hasAlpha]).toEqual(['b-w', 2, true])
  })
})

describe('EXIF orientation', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i comes out upright and without a tag', async orientation => {
    const original = await quadrants(80, 40, orientation)
    for (const metadata of ['strip', 'keep'] as const) {
      const { bytes, width, height } = await render(original, [resize(60)], { metadata })
      expect([width, height]).toEqual([60, 30])
      expect(await layout(bytes)).toEqual([0, 1, 2, 3])
      expect((await sharp(bytes).metadata()).orientation ?? 1).toBe(1)
    }
  })

  it.each([3, 5, 6, 8])('%i is obeyed once in a chain of passes', async orientation => {
    const original = await quadrants(80, 40, orientation)
    for (const metadata of ['strip', 'keep'] as const) {
      const passes = [[resize(80, 40, 'cover')], [crop(60, 30)], [blur(0.5), resize(40)]]
      const { bytes, width, height } = await render(original, [], { metadata, passes })
      expect([width, height]).toEqual([40, 20])
      expect(await layout(bytes)).toEqual([0, 1, 2, 3])
    }
  })

  it.each([1, 3, 6, 7])('%i gives way to a turn that is asked for', async orientation => {
    const original = await quadrants(80, 40, orientation)
    const stored = await sharp(original).png().toBuffer()
    const expected = await layout(await sharp(stored).rotate(90).png().toBuffer())
    for (const metadata of ['strip', 'keep'] as const) {
      const { bytes } = await render(original, [rotate(90)], { metadata })
      expect(await layout(bytes)).toEqual(expected)
      expect((await sharp(bytes).metadata()).orientation ?? 1).toBe(1)
    }
  })

  it('stays obeyed when only a later pass turns', async () => {
    const { bytes } = await render(await quadrants(80, 40, 6), [], { passes: [[resize(60)], [rotate(180)]] })
    expect(await layout(bytes)).toEqual([3, 2, 1, 0])
  })
})

describe('the output', () => {
  const magic: Record<Format, RegExp> = {
    jpeg: /^ffd8ff/,
    png: /^89504e47/,
    webp: /^52494646.{8}57454250/,
    avif: /^.{8}6674797061766966/,
    tiff: /^(49492a00|4d4d002a)/,
    gif: /^474946383961/,
  }

  it.each(Object.entries(magic) as [Format, RegExp][])('is %s by its first bytes', async (format, pattern) => {
    const { bytes, contentType, etag } = await render(await photo(60, 40), [], { format })
    expect(Buffer.from(bytes).toString('hex')).toMatch(pattern)
    expect(contentType).toBe(`image/${format}`)
    expect(etag).toBe(createHash('sha256').update(bytes).digest('hex').slice(0, 32))
  })

  it.each(['jpeg', 'webp', 'avif'] as const)('grows with the quality of %s', async format => {
    const original = await photo(300, 200)
    const sizes: number[] = []
    for (const quality of [10, 40, 75, 95]) {
      sizes.push((await render(original, [], { format, quality })).bytes.length)
    }
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b))
    expect(new Set(sizes).size).toBe(4)
  })

  it.each(['jpeg', 'png'] as const)('is progressive %s when it is asked for', async format => {
    const original = await photo(60, 40)
    for (const progressive of [true, false]) {
      const { bytes } = await render(original, [], { format, progressive })
      expect((await sharp(bytes).metadata()).isProgressive).toBe(progressive)
    }
  })

  it('keeps all of the colour of a JPEG from quality 90 on', async () => {
    const original = await photo(60, 40)
    const sampling = async (quality: number) =>
      (await sharp((await render(original, [], { quality })).bytes).metadata()).chromaSubsampling
    expect([await sampling(89), await sampling(90)]).toEqual(['4:2:0', '4:4:4'])
  })

  it('has black where a JPEG cannot be transparent', async () => {
    const { bytes } = await render(await alphaPng(100, 50), [], { format: 'jpeg' })
    for (const channel of await colourAt(bytes, 0.75, 0.5)) expect(Math.abs(channel - 128)).toBeLessThan(6)
    expect((await colourAt(bytes, 0.25, 0.5))[0]).toBeGreaterThan(245)
  })

  it.each(['png', 'webp', 'avif', 'tiff'] as const)('is transparent as %s', async format => {
    const { bytes } = await render(await alphaPng(100, 50), [resize(50), blur(0.3), crop(20, 20)], { format })
    expect((await sharp(bytes).metadata()).hasAlpha).toBe(true)
  })

  it('is the same bytes for the same plan', async () => {
    const original = await photo(200, 100)
    const [one, other] = await Promise.all([render(original, [resize(50)]), render(original, [resize(50)])])
    expect(one).toEqual(other)
  })
})

describe('colours and metadata', () => {
  it('are stripped', async () => {
    const { exif, icc, xmp } = await sharp((await render(await quadrants(40, 40))).bytes).metadata()
    expect({ exif, icc, xmp }).toEqual({ exif: undefined, icc: undefined, xmp: undefined })
  })

  it.each<[string, Step[]]>([
    ['one pipeline', [resize(20)]],
    ['several pipelines', [crop(30, 30), crop(20, 20)]],
  ])('are kept through %s', async (_name, steps) => {
    const original = await quadrants(40, 40)
    const before = await sharp(original).metadata()
    const after = await sharp((await render(original, steps, { metadata: 'keep' })).bytes).metadata()
    expect(after.exif?.toString('latin1')).toContain('Mortise')
    expect(after.icc?.equals(before.icc!)).toBe(true)
  })

  it.each<[string, Step[], Format]>([
    ['one pipeline', [resize(20)], 'jpeg'],
    ['several pipelines', [crop(30, 30), crop(20, 20)], 'jpeg'],
    ['another format', [resize(20)], 'webp'],
    ['another format with EXIF', [resize(20)], 'avif'],
  ])('are not made up where there are none, through %s', async (_name, steps, format) => {
    const original = await photo(40, 40)
    const of = async (bytes: Uint8Array) => {
      const { exif, icc, xmp, iptc } = await sharp(bytes).metadata()
      return { exif, icc, xmp, iptc }
    }
    expect(await of(original)).toEqual({})
    expect(await of((await render(original, steps, { metadata: 'keep', format })).bytes)).toEqual({})
  })

  it('keep a profile that comes alone', async () => {
    const original = await sharp(await photo(40, 40))
      .withIccProfile('p3')
      .jpeg()
      .toBuffer()
    const { exif, icc } = await sharp((await render(original, [resize(20)], { metadata: 'keep' })).bytes).metadata()
    const before = await sharp(original).metadata()
    expect([before.exif, exif, icc?.equals(before.icc!)]).toEqual([undefined, undefined, true])
  })

  it.each(['strip', 'keep'] as const)('of CMYK come out as sRGB (%s)', async metadata => {
    const original = await cmykJpeg(64, 64)
    const { bytes } = await render(original, [resize(40)], { metadata })
    const { space, channels } = await sharp(bytes).metadata()
    expect([space, channels]).toEqual(['srgb', 3])
    expect(await distance(bytes, await sharp(original).png().toBuffer())).toBeLessThan(3)
  })

  it.each([undefined, 'p3'] as const)('of 16 bits come out as sRGB of 8 (profile: %s)', async profile => {
    const { bytes } = await render(await deepPng(20, 20, profile), [resize(10)])
    const { depth, icc } = await sharp(bytes).metadata()
    expect([depth, icc]).toEqual(['uchar', undefined])
    const colour = await colourAt(bytes, 0.5, 0.5)
    for (const [i, channel] of [250, 100, 50].entries()) expect(Math.abs(colour[i]! - channel)).toBeLessThan(4)
  })

  it('of 16 bits are the same every time, with a profile that is kept', async () => {
    const original = await deepPng(300, 200, 'p3')
    const wish = { metadata: 'keep', format: 'png' } as const
    const made = await Promise.all(Array.from({ length: 30 }, () => render(original, [resize(90), blur(2)], wish)))
    expect(new Set(made.map(({ etag }) => etag)).size).toBe(1)
    expect((await sharp(made[0]?.bytes).metadata()).icc).toBeDefined()
    const colour = await colourAt(made[0]?.bytes ?? original, 0.5, 0.5)
    for (const [i, channel] of [250, 100, 50].entries()) expect(Math.abs(colour[i]! - channel)).toBeLessThan(4)
  })

  it('of a grey original stay grey', async () => {
    const original = await greyPng(60, 40)
    expect(await distance((await render(original, [resize(30), crop(20, 20)])).bytes, original)).toBeLessThan(12)
    const [red, green, blue] = await colourAt((await render(original)).bytes, 0.3, 0.3)
    expect([red, red]).toEqual([green, blue])
  })
})

describe('an animation', () => {
  const cases = (['gif', 'webp'] as const).flatMap(from => (['gif', 'webp'] as const).map(to => [from, to] as const))

  it.each(cases)('of %s stays one as %s', async (from, format) => {
    const steps = [resize(50), extract(5, 5, 30, 20), blur(0.5)]
    const made = await render(await animation(from, 60, 40), steps, { format })
    expect([made.width, made.height]).toEqual([30, 20])
    const metadata = await sharp(made.bytes, { animated: true }).metadata()
    expect([metadata.pages, metadata.pageHeight, metadata.loop, metadata.delay]).toEqual([3, 20, 0, [100, 100, 100]])
  })

  it('is cut around its centre by a smart crop, in every pipeline', async () => {
    const steps = [crop(40, 40, 'smart'), crop(20, 10, 'smart'), resize(10, 10, 'cover')]
    const made = await render(await animation('gif', 60, 40), steps)
    expect([made.width, made.height, (await sharp(made.bytes).metadata()).pages]).toEqual([10, 10, 3])
  })

  it.each([90, 180, 270] as const)('turns every frame by %i degrees', async angle => {
    const original = await animation('gif', 120, 80)
    const made = await render(original, [rotate(angle), blur(0.5)])
    expect((await sharp(made.bytes).metadata()).delay).toEqual([100, 100, 100])
    for (const page of [0, 1, 2]) {
      const frame = await sharp(await sharp(original, { page }).png().toBuffer())
        .rotate(angle)
        .png()
        .toBuffer()
      expect(await distance(await sharp(made.bytes, { page }).png().toBuffer(), frame)).toBeLessThan(3)
    }
  })

  it.each(['jpeg', 'png', 'avif'] as const)('is its first frame as %s', async format => {
    const original = await animation('gif', 60, 40)
    const { bytes, width, height } = await render(original, [], { format })
    expect([width, height]).toEqual([60, 40])
    expect(await distance(bytes, await sharp(original, { page: 0 }).png().toBuffer())).toBeLessThan(3)
  })
})

describe('a render', () => {
  it('that is not wanted any more ends before its next pipeline', async () => {
    let asked = 0
    const seconds = () => {
      asked += 1
      if (asked === 2) throw new Error('gone')
      return 10
    }
    const header = await readHeader(await photo(60, 40), limits.inputPixels, async svg => readDrawing(readSvg(svg)))
    const work = planWork(header, [[crop(30, 30), crop(20, 20), crop(10, 10)]], anOutput)
    const bounds = { inputPixels: limits.inputPixels, seconds }
    await expect(
      renderHere({ kind: 'original', bytes: await photo(60, 40) }, { work, bounds, overlays: new Map() }),
    ).rejects.toThrow('gone')
    expect(asked).toBe(2)
  })
})

describe('an original', () => {
  it('that is SVG is drawn at the size that is asked for', async () => {
    const made = await render(svg(10, 10), [resize(300)], { format: 'png' })
    expect([made.width, made.height]).toEqual([300, 300])
  })

  it('of PNG is read by what it is, not by what it is called', async () => {
    expect((await render(await photoPng(30, 20))).contentType).toBe('image/png')
  })
})
