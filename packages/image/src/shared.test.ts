import type { Step } from '@mortise/operations'
import type { Output } from '@mortise/plan'
import sharp, { type Sharp } from 'sharp'
import { afterAll, describe, expect, it, vi } from 'vitest'
import {
  alphaPng,
  animation,
  cmykJpeg,
  deepPng,
  greyPng,
  type Original,
  photo,
  quadrants,
  storeAs,
  svg,
} from '../../../test/fixtures/images.ts'
import {
  anOutput,
  blur,
  crop,
  extract,
  grayscale,
  limits,
  resize,
  resizeCropAuto,
  rotate,
  watermark,
} from '../../../test/fixtures/renders.ts'
import { distance } from '../../../test/golden/distance.ts'
import { createImagePool, type Rendered } from './image.ts'

vi.setConfig({ testTimeout: 120_000 })

const pool = createImagePool({ threads: 2, limits })
afterAll(() => pool.close())

const mark = 'https://example.org/mark.png'
const overlays = new Map([[mark, await alphaPng(40, 30)]])
const { signal } = new AbortController()

/** Those that may begin with a smaller picture of the original, and those that do not. */
const changes: Record<string, Step[]> = {
  'one size': [resize(211)],
  'the other size': [resize(0, 100)],
  stretched: [resize(150, 170)],
  inside: [resize(151, 150, 'inside')],
  kept: [resize(150, 150, 'keep')],
  covered: [resize(150, 151, 'cover')],
  'cut to the centre': [crop(160, 101)],
  'cut to the north': [crop(80, 150, 'north')],
  'cut to a corner': [crop(150, 80, 'southeast')],
  'filled up': [pad(150, 150, '#ffffffff')],
  'filled up with less': [pad(200, 60, '#00ff0080')],
  marked: [resize(180), watermark(mark, 1, 1)],
  blurred: [resize(190), blur(2)],
  grey: [resize(195), grayscale],
  'cut afterwards': [resize(200), extract(10, 10, 100, 60)],
  'turned afterwards': [resize(180), rotate(90)],
  'cut twice': [resize(198), crop(60, 60)],
  'cut to what is in it': [crop(120, 120, 'smart')],
  'cut to an area': [resizeCropAuto(130, 90)],
}

const separate = new Set(['cut to what is in it', 'cut to an area'])

const [width, height] = [603, 402]
const ink = svg(width, height, drawing())
const clear = svg(width, height, drawing().replace(/<rect.*?>/, ''))

describe('a derivative that was made of a smaller picture of its original', () => {
  it.each<[string, () => Promise<Original>]>([
    ['a photograph', () => photo(width, height)],
    ['text and lines in a JPEG', () => as(sharp(ink).jpeg({ quality: 92 }))],
    ['a progressive JPEG', () => as(sharp(ink).jpeg({ quality: 92, progressive: true }))],
    ['text and lines in a PNG', () => as(sharp(ink).removeAlpha().png())],
    ['text and lines in a WebP', () => as(sharp(ink).webp({ quality: 90 }))],
    ['text and lines in a TIFF', () => as(sharp(ink).removeAlpha().tiff())],
    ['text and lines over nothing', () => as(sharp(clear).png())],
    ['halves, one of them half transparent', () => alphaPng(width, height)],
    ['what lies on its side', () => quadrants(width, height, 6)],
    ['text that lies on its side', () => as(storeAs(sharp(ink), 8).withMetadata({ orientation: 8 }).jpeg())],
    ['the colours of Display P3', () => as(sharp(ink).removeAlpha().withIccProfile('p3').jpeg({ quality: 92 }))],
  ])('is like one that was made of it, for %s', async (_name, make) => {
    const original = await make()
    const { exif, icc } = await sharp(original).metadata()
    for (const metadata of exif || icc ? (['strip', 'keep'] as const) : (['strip'] as const)) {
      const [shared, others] = await renderBoth(original, { format: 'png', metadata })
      for (const [name, derivative] of shared) {
        const other = others.get(name) ?? derivative
        expect({ name, ...(await facts(derivative)) }).toEqual({ name, ...(await facts(other)) })
        expect(await distance(derivative.bytes, other.bytes), name).toBeLessThan(2)
        const exact = metadata === 'strip' ? await renderExactly(original, name) : null
        if (exact) expect(await error(derivative, exact), name).toBeLessThan(1)
      }
      expect(countEqual(shared, others)).toBeLessThan(shared.size / 3)
    }
  })

  it.each<[string, () => Original | Promise<Original>]>([
    ['inks', () => cmykJpeg(width, height)],
    ['16 bits', () => deepPng(width, height)],
    ['16 bits in the colours of Display P3', () => deepPng(width, height, 'p3')],
    ['grey', () => greyPng(width, height)],
    ['an animation', () => animation('gif', 300, 200)],
    ['an SVG', () => ink],
  ])('does not exist for %s', async (_name, make) => {
    const [shared, others] = await renderBoth(await make(), { format: 'webp', metadata: 'keep' })
    expect(countEqual(shared, others)).toBe(shared.size)
  })

  it.each(['jpeg', 'webp', 'avif', 'original'] as const)('has the type of the other as %s', async format => {
    const [shared, others] = await renderBoth(await photo(width, height), { format, metadata: 'keep' })
    for (const [name, { contentType }] of shared) expect(contentType).toBe(others.get(name)?.contentType)
  })

  it('has the metadata of the other', async () => {
    const exif = { IFD0: { Artist: 'Mortise' } }
    const xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>here</a></x:xmpmeta>'
    const picture = sharp(await photo(width, height))
      .withExif(exif)
      .withXmp(xmp)
      .withIccProfile('p3')
    const [shared, others] = await renderBoth(await as(picture.jpeg()), { format: 'jpeg', metadata: 'keep' })
    for (const [name, derivative] of shared) {
      const other = others.get(name) ?? derivative
      const [found, expected] = await Promise.all([derivative, other].map(({ bytes }) => sharp(bytes).metadata()))
      for (const key of ['exif', 'icc', 'xmp', 'density'] as const) expect(found?.[key]).toEqual(expected?.[key])
      expect(found?.exif?.toString('latin1')).toContain('Mortise')
    }
  })
})

type Derivatives = Map<string, Rendered>

/** By the names of {@link changes}: from one request, and each by itself. */
async function renderBoth(original: Original, wish: Partial<Output>): Promise<[Derivatives, Derivatives]> {
  const [shared, others]: Derivatives[] = [new Map(), new Map()]
  const names = Object.keys(changes)
  const output = { ...anOutput, ...wish }
  const variants = names.map(name => ({ passes: [changes[name] ?? []], output, overlays }))
  const onEnd = async (index: number, result: { ok: boolean; rendered?: Rendered; error?: unknown }) => {
    if (!result.rendered) throw result.error
    shared?.set(names[index] ?? '', result.rendered)
  }
  await pool.renderAll({ bytes: original.slice(), variants, signal, onEnd })
  for (const [index, name] of names.entries()) {
    const variant = variants[index]
    if (variant) others?.set(name, await pool.render({ ...variant, bytes: original.slice(), signal }))
  }
  return [shared ?? new Map(), others ?? new Map()]
}

const countEqual = (shared: Derivatives, others: Derivatives) =>
  [...shared].filter(([name, { etag }]) => others.get(name)?.etag === etag).length

async function facts({ bytes, width, height, contentType }: Rendered) {
  const { channels, space, depth, hasAlpha, hasProfile } = await sharp(bytes).metadata()
  return { width, height, contentType, channels, space, depth, hasAlpha, hasProfile }
}

/**
 * From all pixels of the original, decoded and turned before the first step, so that no decoder has rounded anything.
 * `null` for what the other ones have as well.
 */
async function renderExactly(original: Original, name: string): Promise<Rendered | null> {
  const steps = changes[name] ?? []
  if (steps.some(({ op }) => op === 'rotate') || separate.has(name)) return null
  const bytes = await as(sharp(original, { autoOrient: true }).png({ compressionLevel: 0 }))
  return pool.render({ bytes, passes: [steps], output: { ...anOutput, format: 'png' }, overlays, signal })
}

/**
 * How far it is from exact: 1 is as far as the exact one moved by half a pixel to the left and up, which the rounding of
 * sizes does to separate renders, too; or, where that is next to nothing, 1.5 of 256 levels in the mean and 4 in the mean
 * of any 5 x 5 pixels.
 */
async function error(derivative: Rendered, exact: Rendered): Promise<number> {
  const [found, right] = [await pixels(sharp(derivative.bytes)), await pixels(sharp(exact.bytes))]
  const moved = { ...right, levels: right.levels.map((_, i) => moveByHalf(right, i)) }
  const [is, may] = [difference(found, right), difference(moved, right)]
  return Math.max(is.mean / Math.max(1.5, may.mean), is.local / Math.max(4, may.local))
}

type Pixels = { levels: Float32Array; width: number; height: number }

async function pixels(image: Sharp): Promise<Pixels> {
  const bare = image.flatten({ background: '#808080' }).toColourspace('srgb').raw()
  const { data, info } = await bare.toBuffer({ resolveWithObject: true })
  return { levels: Float32Array.from(data), width: info.width, height: info.height }
}

function moveByHalf({ levels, width }: Pixels, at: number): number {
  const four = [at, at + 3, at + width * 3, at + width * 3 + 3].map(i => levels[i] ?? levels[at] ?? 0)
  return four.reduce((sum, one) => sum + one, 0) / 4
}

/** In levels: in the mean of all, and the largest in the mean of 5 x 5 pixels. */
function difference({ levels, width }: Pixels, other: Pixels): { mean: number; local: number } {
  const differences = levels.map((level, i) => level - (other.levels[i] ?? 0))
  const local = sumFive(sumFive(differences, 3), width * 3).reduce((most, sum) => Math.max(most, Math.abs(sum) / 25), 0)
  return { mean: differences.reduce((sum, one) => sum + Math.abs(one), 0) / differences.length, local }
}

/** With two neighbours on both sides, `step` values apart. */
function sumFive(values: Float32Array, step: number): Float32Array {
  const at = (i: number) => values[i] ?? 0
  return values.map((value, i) => at(i - 2 * step) + at(i - step) + value + at(i + step) + at(i + 2 * step))
}

/** Lines of 1 to 4 px in all directions, and text of 8 to 34 px, on white. */
function drawing(): string {
  const lines = Array.from({ length: 30 }, (_, i) => {
    const x = (i * width) / 30
    return `<path d="M${x} 0 L${width - x} ${height}" stroke="#000" stroke-width="${1 + (i % 4)}"/>`
  })
  const words = Array.from({ length: 14 }, (_, i) => {
    const place = `x="20" y="${(height * (i + 1)) / 15}" font-family="sans-serif" font-size="${8 + i * 2}"`
    return `<text ${place} fill="${i % 2 ? '#000' : '#a00'}">The quick brown fox jumps over the lazy dog ${i}</text>`
  })
  return `<rect width="100%" height="100%" fill="#fff"/>${lines.join('')}${words.join('')}`
}

function pad(width: number, height: number, background: string): Step {
  return { op: 'pad', width, height, gravity: 'center', background }
}

async function as(image: Sharp): Promise<Original> {
  const { data } = await image.toUint8Array()
  return new Uint8Array(data)
}
