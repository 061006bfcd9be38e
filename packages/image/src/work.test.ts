import type { Step } from '@mortise/operations'
import { describe, expect, it } from 'vitest'
import { anOutput, blur, crop, extract, grayscale, limits, resize, rotate } from '../../../test/fixtures/renders.ts'
import type { Header } from './header.ts'
import { checkLimits } from './limits.ts'
import { planWork } from './work.ts'

const jpeg: Header = {
  format: 'jpeg',
  width: 4000,
  height: 3000,
  orientation: 1,
  frames: 1,
  bands: 3,
  depth: 1,
  cmyk: false,
  profile: false,
  progressive: false,
  delay: [],
  loop: 0,
}
const gif: Header = { ...jpeg, format: 'gif', width: 100, height: 50, bands: 4, frames: 3 }

/** The operations of each pipeline; a starred one runs on every frame by itself. */
const pipelines = (header: Header, ...passes: Step[][]) =>
  planWork(header, passes, anOutput).pipelines.map(
    ({ steps, eachFrame }) => (eachFrame ? '*' : '') + steps.map(({ op }) => op).join(' '),
  )

describe('the pipelines of a chain', () => {
  it.each<[string, Step[][], string[]]>([
    ['nothing', [], ['']],
    ['an empty pass', [[]], ['']],
    [
      'one pass in the order of sharp',
      [[rotate(90), extract(0, 0, 9, 9), resize(5), extract(0, 0, 2, 2), blur(1), grayscale]],
      ['rotate extract resize extract blur grayscale'],
    ],
    ['passes that one pipeline can run', [[resize(9)], [extract(0, 0, 2, 2)], [blur(1)]], ['resize extract blur']],
    ['two changes of size', [[resize(9)], [crop(5, 5)]], ['resize', 'crop']],
    [
      'a change of size after a cut of the result',
      [[resize(9), extract(0, 0, 5, 5), resize(3)]],
      ['resize extract', 'resize'],
    ],
    ['blur before a change of size', [[blur(1), resize(9)]], ['blur', 'resize']],
    ['a turn after a cut', [[extract(0, 0, 5, 5), rotate(90)]], ['extract', 'rotate']],
    ['two turns', [[rotate(90)], [rotate(90)]], ['rotate', 'rotate']],
    ['grey before blur', [[grayscale, blur(1)]], ['grayscale', 'blur']],
  ])('of %s', (_name, passes, expected) => {
    expect(pipelines(jpeg, ...passes)).toEqual(expected)
  })

  it.each<[string, Step[], string[]]>([
    ['a turn', [rotate(90)], ['', '*rotate', '']],
    ['a turn between others', [resize(9), rotate(90), blur(1)], ['resize', '*rotate', 'blur']],
    ['two turns', [rotate(90), rotate(90)], ['', '*rotate', '*rotate', '']],
    ['no turn', [resize(9), blur(1)], ['resize blur']],
  ])('of %s in an animation', (_name, steps, expected) => {
    expect(pipelines(gif, steps)).toEqual(expected)
  })
})

describe('the frame that arrives at the first step', () => {
  it('is upright', () => {
    const lying = { ...jpeg, orientation: 6 }
    expect(planWork(lying, [], anOutput)).toMatchObject({ orient: true, frame: { width: 3000, height: 4000 } })
  })

  it('is as stored when the first pass turns it', () => {
    const lying = { ...jpeg, orientation: 6 }
    expect(planWork(lying, [[rotate(90)]], anOutput)).toMatchObject({ orient: false, frame: { width: 4000 } })
    expect(planWork(lying, [[], [rotate(90)]], anOutput)).toMatchObject({ orient: true, frame: { width: 3000 } })
  })

  it('is an animation only when the output can be one', () => {
    expect(planWork(gif, [], { ...anOutput, format: 'webp' }).frame.pages).toBe(3)
    expect(planWork(gif, [], { ...anOutput, format: 'png' }).frame.pages).toBe(1)
    expect(planWork({ ...gif, orientation: 6 }, [], anOutput).frame.pages).toBe(1)
    expect(planWork({ ...jpeg, format: 'tiff', frames: 9 }, [], { ...anOutput, format: 'gif' }).frame.pages).toBe(1)
  })
})

describe('the estimate of memory', () => {
  const full = 4000 * 3000 * 3
  const estimate = (header: Header, steps: Step[]) => checkLimits(planWork(header, [steps], anOutput), 1000, limits)
  const out = (width: number, height: number) => 1000 + width * height * 4

  it.each<[string, Header, Step[], number]>([
    ['counts every pixel of a JPEG that keeps its size', jpeg, [], out(4000, 3000) + full],
    [
      'counts a JPEG of half the size whole, which rounding forbids to shrink',
      jpeg,
      [resize(2000)],
      out(2000, 1500) + full,
    ],
    ['lets a JPEG shrink by 2', jpeg, [resize(1000)], out(1000, 750) + full / 4],
    ['lets a JPEG shrink by 4', jpeg, [resize(800)], out(800, 600) + full / 4 / 4],
    ['lets a JPEG shrink by 8', jpeg, [resize(400)], out(400, 300) + full / 64],
    ['lets no PNG shrink', { ...jpeg, format: 'png' }, [resize(400)], out(400, 300) + full],
    ['lets a WebP shrink to what is asked', { ...jpeg, format: 'webp' }, [resize(400)], out(400, 300) + full / 100],
    ['counts 16 bits twice', { ...jpeg, format: 'png', depth: 2 }, [resize(400)], out(400, 300) + full * 2],
    ['lets nothing shrink behind a turn', jpeg, [rotate(90), resize(400)], out(400, 533) + full],
    ['lets nothing shrink behind a cut', jpeg, [extract(0, 0, 400, 300)], out(400, 300) + full],
    [
      'counts the coefficients of a progressive JPEG',
      { ...jpeg, progressive: true },
      [resize(400)],
      out(400, 300) + full / 64 + full * 2,
    ],
    ['counts more for an AVIF', { ...jpeg, format: 'avif' }, [resize(400)], 1000 + 400 * 300 * 32 + full],
    ['counts every frame', gif, [], 1000 + 100 * 50 * 3 * 8],
    [
      'counts what one pipeline leaves to the next twice',
      jpeg,
      [resize(400), crop(100, 100)],
      out(100, 100) + full / 64 + 2 * 400 * 300 * 4,
    ],
  ])('%s', (_name, header, steps, bytes) => {
    expect(estimate(header, steps)).toBe(bytes)
  })
})
