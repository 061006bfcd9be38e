import type { Step } from '@mortise/operations'
import sharp from 'sharp'
import { afterAll, describe, expect, it, vi } from 'vitest'
import {
  alphaPng,
  animation,
  bombPng,
  cmykJpeg,
  deepPng,
  flat,
  greyPng,
  type Original,
  photo,
  quadrantColours,
  quadrants,
  svg,
  truncated,
} from '../../../test/fixtures/images.ts'
import { colourAt, grayscale, limits, renderWith, resize, rotate, watermark } from '../../../test/fixtures/renders.ts'
import { createImagePool, type ImagePoolOptions } from './image.ts'

vi.setConfig({ testTimeout: 30_000 })

const name = 'https://example.org/mark.png'
const pool = createImagePool({ threads: 2, limits, svgOverlays: new Set([name]) })
afterAll(() => pool.close())

const render = (original: Uint8Array, mark: Uint8Array, steps: Step[] = [watermark(name)], wish: object = {}) =>
  renderWith(pool, original, steps, { format: 'png', ...wish, overlays: new Map([[name, mark]]) })

/** 30 x 20, one colour. */
const plain = (background: string) => sharp({ create: { width: 30, height: 20, channels: 4, background } }).png()
const red = new Uint8Array(await plain('#ff0000').toBuffer())
const halfRed = new Uint8Array(await plain('#ff000080').toBuffer())

const near = (colour: readonly number[], found: readonly number[], by = 12) =>
  expect(
    colour.every((channel, i) => Math.abs(channel - found[i]!) <= by),
    `${found} is not ${colour}`,
  ).toBe(true)

/** In the middle of the watermark, and beside it, on a base of 60 x 40. */
const inside = async (bytes: Uint8Array) => colourAt(bytes, 0.25, 0.25)
const beside = async (bytes: Uint8Array) => colourAt(bytes, 0.75, 0.75)

describe('a red watermark', () => {
  const bases: [string, () => Original | Promise<Original>, number][] = [
    ['a JPEG', () => photo(60, 40), 3],
    ['a grey PNG', () => greyPng(60, 40), 3],
    ['a PNG with alpha', () => alphaPng(60, 40), 4],
    ['a PNG of 16 bits', () => deepPng(60, 40), 3],
    ['a PNG of 16 bits in P3', () => deepPng(60, 40, 'p3'), 3],
    ['a JPEG in inks', () => cmykJpeg(60, 40), 3],
    ['a GIF', () => animation('gif', 60, 40), 4],
    ['an SVG', () => svg(60, 40), 4],
  ]

  it.each(bases)('is red on %s, and leaves the rest as it was', async (_name, base, channels) => {
    const original = await base()
    for (const metadata of ['strip', 'keep'] as const) {
      const { bytes } = await render(original, red, [watermark(name)], { metadata })
      near([255, 0, 0], await inside(bytes))
      near(await beside((await render(original, red, [], { metadata })).bytes), await beside(bytes))
      expect((await sharp(bytes).metadata()).channels).toBe(channels)
    }
  })

  it.each(['jpeg', 'webp', 'avif', 'tiff', 'gif'] as const)('is red in a derivative of %s', async format => {
    const { bytes } = await render(await photo(60, 40), red, [watermark(name)], { format })
    near([255, 0, 0], await inside(bytes), 30)
    expect((await sharp(bytes).metadata()).hasAlpha).toBe(false)
  })

  it('lets half of the base through when it is half transparent, or its opacity is a half', async () => {
    const base = await flat('jpeg', 60, 40)
    const [below] = await Promise.all([inside(base)])
    const mixed = below!.map((channel, i) => (channel + [255, 0, 0][i]!) / 2)
    near(mixed, await inside((await render(base, halfRed)).bytes), 4)
    near(mixed, await inside((await render(base, red, [watermark(name, 0, 0, 0.5)])).bytes), 4)
  })

  it('is as it is where the base is transparent', async () => {
    const clear = new Uint8Array(await plain('#00000000').toBuffer())
    const { bytes } = await render(clear, halfRed)
    const { data } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true })
    expect([...data.subarray(0, 4)]).toEqual([255, 0, 0, 128])
  })

  it('is grey when the image becomes grey, and red when it was grey before', async () => {
    const { bytes } = await render(await photo(60, 40), red, [watermark(name), grayscale])
    expect((await sharp(bytes).metadata()).channels).toBe(1)
    const after = await render(await photo(60, 40), red, [grayscale, watermark(name)])
    near([255, 0, 0], await inside(after.bytes))
  })

  it('is not turned with the image, and stands where the turned image has its thirds', async () => {
    const { bytes } = await render(await photo(60, 90), red, [rotate(90), watermark(name, 1, 1)])
    near([255, 0, 0], await colourAt(bytes, 0.5, 0.5))
    near([255, 0, 0], await colourAt(bytes, 0.35, 0.36))
  })

  it('is cut off when it is larger than the image', async () => {
    const huge = await flat('jpeg', 900, 700)
    const made = await render(await photo(60, 40), huge, [watermark(name, 1, 2)])
    expect([made.width, made.height]).toEqual([60, 40])
    near(await colourAt(huge, 0.5, 0.5), await colourAt(made.bytes, 0.9, 0.9))
  })

  it.each(['gif', 'webp'] as const)('is on every frame of an animation of %s', async format => {
    const original = await animation(format, 60, 40)
    const steps = [resize(60), watermark(name), watermark(name, 2, 2)]
    const { bytes } = await render(original, red, steps, { format })
    expect((await sharp(bytes).metadata()).delay).toEqual([100, 100, 100])
    for (const page of [0, 1, 2]) {
      const [frame, before] = await Promise.all([bytes, original].map(file => sharp(file, { page }).png().toBuffer()))
      near([255, 0, 0], await inside(frame!), 30)
      near([255, 0, 0], await colourAt(frame!, 0.9, 0.9), 30)
      near(await colourAt(before!, 0.25, 0.75), await colourAt(frame!, 0.25, 0.75), 30)
    }
  })
})

describe('a watermark is read', () => {
  const orange = [250, 100, 50]
  it.each<[string, () => Original | Promise<Original>, number[]]>([
    ['when it is a PNG of 16 bits', () => deepPng(30, 20), orange],
    ['when it is a PNG of 16 bits in P3', () => deepPng(30, 20, 'p3'), orange],
    ['when it is an animation, by its first frame', () => animation('gif', 60, 40), [60, 20, 200]],
    ['when it is an SVG', () => svg(30, 20, '<rect width="30" height="20" fill="#fa6432"/>'), orange],
    ['upright when its EXIF says how', () => quadrants(60, 40, 6), [...quadrantColours[0]]],
  ])('%s', async (_name, mark, colour) => {
    near(colour, await colourAt((await render(await photo(60, 40), await mark())).bytes, 0.2, 0.2), 14)
  })

  it.each<[string, (width: number, height: number) => Promise<Original>]>([
    ['grey', greyPng],
    ['in inks', cmykJpeg],
  ])('when it is %s', async (_name, make) => {
    const mark = await make(60, 40)
    near(await inside(mark), await inside((await render(await photo(60, 40), mark)).bytes), 14)
  })

  it('and stays whole, for all who share it', async () => {
    const mark = new Uint8Array(red)
    const base = await photo(60, 40)
    const made = await Promise.all(Array.from({ length: 8 }, () => render(base, mark)))
    expect(mark).toEqual(red)
    expect(new Set(made.map(({ etag }) => etag)).size).toBe(1)
  })
})

describe('a watermark is refused', () => {
  const refusal = async (mark: Uint8Array, images = pool) => {
    const overlays = new Map([[name, mark]])
    return renderWith(images, await photo(60, 40), [watermark(name)], { overlays }).then(
      () => ({ code: 'made', message: '' }),
      ({ code, message }) => ({ code, message }),
    )
  }
  const text = (value: string) => new TextEncoder().encode(value)
  const data = '<image href="data:image/png;base64,iVBORw0KGgo="/>'

  it.each<[string, () => Uint8Array | Promise<Uint8Array>, string]>([
    ['when it is no image', () => text('<html></html>'), 'undecodable'],
    ['when it is nothing', () => new Uint8Array(0), 'undecodable'],
    ['when it ends too soon', () => truncated(300, 200), 'undecodable'],
    ['when it is far too large', () => bombPng(), 'invalid_request'],
    ['when it is an SVG with a broken picture in it', () => svg(30, 20, data), 'invalid_request'],
    [
      'when it is a large SVG without end',
      () => svg(3000, 2000, '<rect filter="blur(9px)"/>'.repeat(999)),
      'invalid_request',
    ],
  ])('%s', async (_name, mark, code) => {
    const { code: found, message } = await refusal(await mark())
    expect(found).toBe(code)
    expect(message).toMatch(/^watermark: /)
  })

  it.each<[string, Omit<ImagePoolOptions, 'threads' | 'limits'>]>([
    ['that a stranger has named', { svgOverlays: new Set(['https://example.org/other.svg']) }],
    ['and they are only for originals', { svg: 'originals', svgOverlays: new Set([name]) }],
    ['and they are switched off', { svg: 'refuse', svgOverlays: new Set([name]) }],
  ])('when it is an SVG %s', async (_name, options) => {
    await using strict = createImagePool({ threads: 1, limits, ...options })
    expect(await refusal(svg(30, 20), strict)).toEqual({
      code: 'invalid_request',
      message: 'watermark: svg watermarks are only for presets, where they are switched on',
    })
    const original = renderWith(strict, svg(30, 20), [], { format: 'png' })
    if (options.svg === 'refuse') await expect(original).rejects.toMatchObject({ code: 'invalid_request' })
    else expect((await original).width).toBe(30)
  })

  it('when there is none, which is a bug', async () => {
    await expect(renderWith(pool, await photo(60, 40), [watermark(name)])).rejects.toMatchObject({ code: 'internal' })
  })

  it('and leaves nothing behind', async () => {
    await refusal(bombPng())
    await vi.waitFor(() => expect(pool.stats()).toMatchObject({ running: 0, waiting: 0, memory: 0 }))
  })
})
