import { gzipSync } from 'node:zlib'
import type { Format, Step } from '@mortise/operations'
import { afterAll, describe, expect, it, vi } from 'vitest'
import {
  animation,
  bombGif,
  bombPng,
  flat,
  type Original,
  photo,
  photoPng,
  quadrants,
  svg,
  truncated,
} from '../../../test/fixtures/images.ts'
import { blur, extract, limits, renderWith, resize, rotate, type Wish } from '../../../test/fixtures/renders.ts'
import { createImagePool } from './image.ts'

vi.setConfig({ testTimeout: 30_000 })

const pool = createImagePool({ threads: 2, limits })
afterAll(async () => {
  const { running, waiting, memory } = pool.stats()
  await pool.close()
  // What was refused left nothing behind.
  expect({ running, waiting, memory }).toEqual({ running: 0, waiting: 0, memory: 0 })
})

const refusal = async (original: Uint8Array, steps: Step[] = [], wish: Wish = {}) =>
  renderWith(pool, original, steps, wish).then(
    () => 'made',
    error => error.code,
  )

describe('an original is undecodable', () => {
  const text = (value: string) => new TextEncoder().encode(value)
  it.each<[string, () => Original | Promise<Original>]>([
    ['when it is empty', () => new Uint8Array(0)],
    ['when it is one byte', () => Uint8Array.of(0xff)],
    ['when it is text', () => text('{"message": "not an image"}')],
    ['when it is HTML', () => text('<html><body><svg></svg></body></html>')],
    ['when it is a PDF', () => text('%PDF-1.4\n1 0 obj\n<<>>\nendobj\n')],
    ['when only the first bytes are those of a JPEG', () => Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16)],
    ['when only the first bytes are those of a PNG', () => Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10)],
    ['when it is a JPEG that ends too soon', () => truncated(300, 200)],
    ['when it is a PNG that ends too soon', async () => (await photoPng(300, 200)).slice(0, 20_000)],
    ['when it is a WebP that ends too soon', () => truncated(300, 200, 'webp')],
    ['when it is broken SVG', () => text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect')],
  ])('%s', async (_name, original) => {
    expect(await refusal(await original(), [resize(50)])).toBe('undecodable')
  })
})

describe('a request is invalid', () => {
  it('when SVG is to stay SVG', async () => {
    expect(await refusal(svg(10, 10))).toBe('invalid_request')
  })

  it('when it takes an area outside of the image', async () => {
    expect(await refusal(await photo(100, 50), [extract(60, 0, 50, 50)])).toBe('invalid_request')
  })

  it('when the area is outside only after EXIF turned the image', async () => {
    expect(await refusal(await quadrants(100, 50, 6), [extract(0, 0, 100, 50)])).toBe('made')
    expect(await refusal(await quadrants(100, 50, 6), [extract(0, 0, 50, 100)])).toBe('invalid_request')
  })
})

describe('an SVG', () => {
  const gzipped = (original: Uint8Array) => new Uint8Array(gzipSync(original))
  const blurs = '<rect style="filter:blur(9px)"/>'
  const filter = (text: string) => `<filter id="f">${text}</filter><rect width="100%" height="100%" filter="url(#f)"/>`
  const shown = (file: Uint8Array, type = 'png') =>
    `<image id="p" width="10" height="10" href="data:image/${type};base64,${Buffer.from(file).toString('base64')}"/>`
  const often = (file: Uint8Array) => shown(file, 'jpeg') + '<use href="#p"/>'.repeat(30)

  it.each<[string, () => Original | Promise<Original>, string]>([
    ['with white space before it is drawn', () => spaced(svg(10, 10)), 'made'],
    ['is refused when it is compressed', () => gzipped(svg(10, 10)), 'undecodable'],
    ['is refused behind a lot of white space', () => spaced(svg(10, 10), 900), 'undecodable'],
    ['with a picture in it is drawn', async () => svg(10, 10, shown(await photoPng(20, 20))), 'made'],
    ['with a photo in it is drawn', async () => svg(10, 10, shown(await photo(20, 20), 'jpeg')), 'made'],
    ['is refused with a broken picture in it', () => svg(10, 10, shown(Buffer.from('no png'))), 'invalid_request'],
    [
      'is refused with a photo that is called otherwise',
      async () => svg(10, 10, shown(await photo(20, 20))),
      'invalid_request',
    ],
    ['is refused with an SVG in it', () => svg(10, 10, shown(svg(10, 10))), 'invalid_request'],
    ['is refused with a picture of too many pixels', async () => svg(10, 10, shown(await bombPng())), 'limit_exceeded'],
    [
      'is refused with the same picture too often',
      async () => svg(10, 10, often(await flat('jpeg', 4000, 4000))),
      'limit_exceeded',
    ],
    [
      'is refused with a radius over all of it',
      () => svg(2000, 2000, filter('<feMorphology radius="900"/>')),
      'limit_exceeded',
    ],
    [
      'is refused with many parts merged',
      () => svg(1000, 1000, filter(`<feMerge>${'<feMergeNode/>'.repeat(150)}</feMerge>`)),
      'limit_exceeded',
    ],
    ['is refused when it has too much text', () => svg(10, 10, `<!--${' '.repeat(600_000)}-->`), 'limit_exceeded'],
    ['is refused when it takes too long', () => svg(1000, 1000, blurs.repeat(999)), 'limit_exceeded'],
    ['is drawn when it is small enough not to', () => svg(10, 10, blurs.repeat(9)), 'made'],
  ])('%s', async (_name, original, code) => {
    expect(await refusal(await original(), [], { format: 'png' })).toBe(code)
  })

  it('is refused where it is switched off, and nothing else is', async () => {
    const strict = createImagePool({ threads: 1, limits, svg: 'refuse' })
    const made = (original: Uint8Array) => renderWith(strict, original, [], { format: 'png' })
    await expect(made(svg(10, 10))).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'svg originals are switched off',
    })
    await expect(made(await photoPng(10, 10))).resolves.toMatchObject({ width: 10 })
    await expect(made(new TextEncoder().encode('no image'))).rejects.toMatchObject({ code: 'undecodable' })
    await strict.close()
  })

  function spaced(original: Original, count = 3): Original {
    return new Uint8Array(Buffer.concat([Buffer.from(' '.repeat(count)), original]))
  }
})

describe('a limit refuses', () => {
  it.each<[string, () => Original | Promise<Original>]>([
    ['a PNG of 268 megapixels in 33 kB', () => bombPng()],
    ['a GIF that claims 4 gigapixels', () => bombGif()],
    ['an SVG that says it is 20 000 px wide', () => svg(20_000, 20_000)],
  ])('%s', async (_name, original) => {
    expect(await refusal(await original(), [resize(50)], { format: 'jpeg' })).toBe('limit_exceeded')
  })

  it.each<[string, Step[], Format]>([
    ['a side', [resize(10_001, 10)], 'jpeg'],
    ['sizes that no image can have', [resize(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)], 'jpeg'],
    ['pixels', [resize(8000, 8000)], 'jpeg'],
    ['pixels of an AVIF', [resize(1500, 1500)], 'avif'],
    ['pixels on the way', [resize(20_000, 20_000), resize(10)], 'jpeg'],
    ['pixels that it scales to before it cuts', [resize(200, 1), resize(5000, 5000, 'cover')], 'jpeg'],
  ])('%s', async (_name, steps, format) => {
    expect(await refusal(await photo(400, 400), steps, { format })).toBe('limit_exceeded')
  })

  it.each(['jpeg', 'webp', 'tiff'] as const)('a large %s of next to no bytes', async format => {
    const strict = createImagePool({ threads: 1, limits: { ...limits, inputPixels: 3_999_999 } })
    const original = await flat(format, 2000, 2000)
    await expect(renderWith(strict, original, [resize(50)])).rejects.toMatchObject({ code: 'limit_exceeded' })
    await strict.close()
  })

  it('an animation by all of its frames, and its first frame alone by one', async () => {
    const strict = createImagePool({ threads: 1, limits: { ...limits, inputPixels: 20_000 } })
    const original = await animation('gif', 100, 100, 4)
    await expect(renderWith(strict, original, [])).rejects.toMatchObject({ code: 'limit_exceeded' })
    await expect(renderWith(strict, original, [], { format: 'png' })).resolves.toMatchObject({ width: 100 })
    await strict.close()
  })

  it('what can never fit into the memory', async () => {
    const small = createImagePool({ threads: 1, limits: { ...limits, memory: 1_000_000 } })
    const original = await photo(1000, 1000)
    await expect(renderWith(small, original, [rotate(90)])).rejects.toMatchObject({ code: 'limit_exceeded' })
    // The decoder of JPEG makes it eight times smaller on each side.
    await expect(renderWith(small, original, [resize(100)])).resolves.toMatchObject({ width: 100 })
    await small.close()
  })

  it('a format by its own largest side', async () => {
    const wide = createImagePool({ threads: 1, limits: { ...limits, outputSide: 100_000 } })
    const original = await photo(20, 20)
    const code = (format: Format, side: number) =>
      renderWith(wide, original, [resize(side, 1)], { format }).then(
        () => 'made',
        error => error.code,
      )
    expect(await code('webp', 16_384)).toBe('limit_exceeded')
    expect(await code('webp', 16_383)).toBe('made')
    expect(await code('jpeg', 65_536)).toBe('limit_exceeded')
    expect(await code('jpeg', 65_500)).toBe('made')
    expect(await code('png', 65_536)).toBe('made')
    await wide.close()
  })
})

describe('time', () => {
  it('is up for a render that takes longer than it may', async () => {
    const hasty = createImagePool({ threads: 1, limits: { ...limits, renderSeconds: 1 } })
    const slow: Step[] = [resize(5000, 5000), { op: 'blur', sigma: 100, minAmplitude: 0 }]
    await expect(renderWith(hasty, await photo(500, 500), slow, { format: 'png' })).rejects.toMatchObject({
      code: 'timed_out',
    })
    await hasty.close()
  })

  it('is counted over all pipelines together', async () => {
    const hasty = createImagePool({ threads: 1, limits: { ...limits, renderSeconds: 1 } })
    const chain = Array.from({ length: 200 }, (_, i): Step[] => [resize(1500 + i, 1500), blur(2)])
    const made = renderWith(hasty, await photo(100, 100), [], { passes: chain })
    await expect(made).rejects.toMatchObject({ code: 'timed_out' })
    await hasty.close()
  })
})
