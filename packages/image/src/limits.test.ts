import type { Step } from '@mortise/operations'
import { describe, expect, it } from 'vitest'
import { anOutput, crop, extract, limits, resize, resizeCropAuto, rotate } from '../../../test/fixtures/renders.ts'
import type { Header } from './header.ts'
import type { KnownOverlay } from './headers.ts'
import { checkLimits } from './limits.ts'
import { planWork } from './work.ts'

const jpeg: Header = {
  format: 'jpeg',
  width: 4000,
  height: 3000,
  orientation: 1,
  frames: 1,
  bands: 3,
  alpha: false,
  depth: 1,
  cmyk: false,
  profile: false,
  tags: false,
  iptc: false,
  xmp: false,
  progressive: false,
  delay: [],
  loop: 0,
}
const gif: Header = { ...jpeg, format: 'gif', width: 100, height: 50, bands: 4, frames: 3 }

const size = 1000
const full = 4000 * 3000 * 3
const line = 600
const estimate = (header: Header, steps: Step[], overlays: KnownOverlay[] = []) =>
  checkLimits(planWork(header, [steps], anOutput), size, overlays, limits)

/** The file, a JPEG of this size, and a few lines of it and of what was decoded, which is `shrink` times as small. */
const out = (width: number, height: number, shrink = 1) =>
  size + width * height * 6 + line * width + (line * 4000) / shrink

describe('the estimate of memory', () => {
  it.each<[string, Header, Step[], number]>([
    ['counts every pixel of a JPEG that keeps its size', jpeg, [], out(4000, 3000) + full],
    ['counts a JPEG of half the size whole, which rounding keeps so', jpeg, [resize(2000)], out(2000, 1500) + full],
    ['lets a JPEG shrink by 2', jpeg, [resize(1000)], out(1000, 750, 2) + full / 4],
    ['lets a JPEG shrink by 4', jpeg, [resize(800)], out(800, 600, 4) + full / 16],
    ['lets a JPEG shrink by 8', jpeg, [resize(400)], out(400, 300, 8) + full / 64],
    ['lets nothing shrink behind a turn', jpeg, [rotate(90), resize(400)], out(400, 533) + full],
    ['lets nothing shrink behind a cut', jpeg, [extract(0, 0, 400, 300)], out(400, 300) + full],
    ['lets nothing shrink behind a cut that is part of a step', jpeg, [resizeCropAuto(400, 300)], out(400, 300) + full],
    [
      'counts the coefficients of a progressive JPEG',
      { ...jpeg, progressive: true },
      [resize(400)],
      out(400, 300, 8) + full / 64 + full * 2,
    ],
    [
      'counts what one pipeline leaves to the next twice',
      jpeg,
      [resize(400), crop(100, 100)],
      out(100, 100, 8) + full / 64 + 2 * 400 * 300 * 4,
    ],
  ])('%s', (_name, header, steps, bytes) => {
    expect(estimate(header, steps)).toBe(bytes)
  })

  // What is decoded besides what a JPEG of the same size takes, for each pixel of it.
  it.each<[string, Partial<Header>, number]>([
    ['lets no PNG shrink', { format: 'png' }, 3],
    ['counts 16 bits twice', { format: 'png', depth: 2 }, 6],
    ['counts half as much again for an interlaced PNG', { format: 'png', progressive: true }, 4.5],
    ['counts a lot for a decoder of AVIF', { format: 'avif' }, 20],
    ['counts more than its pixels for a GIF', { format: 'gif' }, 6],
  ])('%s', (_name, header, bytes) => {
    const work = planWork({ ...jpeg, ...header }, [[resize(400)]], { ...anOutput, format: 'jpeg' })
    expect(checkLimits(work, size, [], limits)).toBe(out(400, 300) + bytes * 4000 * 3000)
  })

  it('lets a WebP shrink to what is asked', () => {
    const work = planWork({ ...jpeg, format: 'webp' }, [[resize(400)]], { ...anOutput, format: 'jpeg' })
    expect(checkLimits(work, size, [], limits)).toBe(out(400, 300, 10) + full / 100)
  })

  it('counts more for an AVIF that is written', () => {
    const [written, jpegs] = (['avif', 'jpeg'] as const).map(format =>
      checkLimits(planWork(jpeg, [[resize(400)]], { ...anOutput, format }), size, [], limits),
    )
    expect(written! - jpegs!).toBe(400 * 300 * (32 - 6))
  })

  it('counts every frame', () => {
    expect(estimate(gif, [])).toBe(size + 100 * 50 * 3 * (6 + 7) + 2 * line * 100)
  })

  it('grows with the width of an original of few pixels', () => {
    const wide = { ...jpeg, format: 'png' as const, width: 1_000_000, height: 12 }
    expect(estimate(wide, [resize(400)])).toBeGreaterThan(600_000_000)
  })

  it('counts an overlay: its file, as it is decoded, and as it is laid over', () => {
    const header: Header = { ...jpeg, format: 'png', width: 200, height: 100, bands: 4, alpha: true }
    const overlay = { name: 'https://example.org/mark.png', bytes: new Uint8Array(700), header }
    const more = estimate(jpeg, [], [overlay]) - estimate(jpeg, [])
    expect(more).toBe(700 + 200 * 100 * 4 + line * 200 + 2 * 200 * 100 * 4)
  })
})

describe('an SVG', () => {
  const drawing = { once: 1000, perMegapixel: 5000, decoding: 0, filtering: 0, layers: 0, pixels: 0 }
  const svg: Header = { ...jpeg, format: 'svg', width: 1000, height: 1000, bands: 4, alpha: true, drawing }
  const needed = (header: Header, steps: Step[]) =>
    checkLimits(planWork(header, [steps], { ...anOutput, format: 'png' }), size, [], limits)

  it('is refused when it may take half as long again as a render', () => {
    expect(needed({ ...svg, drawing: { ...drawing, perMegapixel: 28_999 } }, [])).toBeGreaterThan(0)
    expect(() => needed({ ...svg, drawing: { ...drawing, perMegapixel: 29_001 } }, [])).toThrow(
      expect.objectContaining({ code: 'limit_exceeded' }),
    )
  })

  it('is measured by the size in which it is drawn', () => {
    expect(() => needed(svg, [resize(3000)])).toThrow(expect.objectContaining({ code: 'limit_exceeded' }))
    expect(needed(svg, [resize(2000)])).toBeGreaterThan(2000 * 2000 * 4)
  })

  it('is measured by the strips in which it is drawn, where it has filters', () => {
    const filtered = { ...svg, drawing: { ...drawing, perMegapixel: 0, filtering: 2000 } }
    const most = needed(filtered, [resize(2000)])
    expect(most).toBeGreaterThan(0)
    expect(() => needed(filtered, [resize(1000, 2001)])).not.toThrow()
    expect(() => needed(filtered, [resize(2001)])).toThrow(expect.objectContaining({ code: 'limit_exceeded' }))
  })

  it('is refused with others that are laid over it, when all take too long together', () => {
    const slow = { ...svg, drawing: { ...drawing, perMegapixel: 9_000 } }
    const mark = { name: 'file:mark.svg', bytes: new Uint8Array(700), header: slow }
    const work = planWork(slow, [[]], { ...anOutput, format: 'png' })
    expect(checkLimits(work, size, [mark, mark], limits)).toBeGreaterThan(0)
    expect(() => checkLimits(work, size, [mark, mark, mark], limits)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    )
  })

  it('takes memory for each pixel of the pictures in it', () => {
    const holding = needed({ ...svg, drawing: { ...drawing, pixels: 1000 } }, [])
    expect(holding - needed(svg, [])).toBe(20 * 1000)
  })

  it('takes memory for each of its layers', () => {
    const layered = needed({ ...svg, drawing: { ...drawing, layers: 20 } }, [])
    expect(layered - needed(svg, [])).toBe(20 * 1000 * 1000 * 4)
  })
})
