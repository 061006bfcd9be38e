import type { Step } from '@mortise/operations'
import { describe, expect, it } from 'vitest'
import {
  anOutput,
  blur,
  crop,
  extract,
  grayscale,
  resize,
  resizeCropAuto,
  rotate,
  watermark,
} from '../../../test/fixtures/renders.ts'
import type { Header } from './header.ts'
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

const mark = watermark('https://example.org/mark.png')

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
    [
      'everything with a watermark',
      [[rotate(90), resize(5), blur(1), mark, grayscale]],
      ['rotate resize blur watermark grayscale'],
    ],
    ['a watermark before a blur', [[mark, blur(1)]], ['watermark', 'blur']],
    ['a watermark in colour after grey', [[grayscale], [mark]], ['grayscale', 'watermark']],
    ['two watermarks', [[mark], [mark]], ['watermark', 'watermark']],
    ['a cut and a change of size at once', [[rotate(90), resizeCropAuto(5, 5)]], ['rotate resizeCropAuto']],
    ['both at once and a cut', [[resizeCropAuto(5, 5), extract(0, 0, 2, 2)]], ['resizeCropAuto extract']],
    ['both at once and a change of size', [[resizeCropAuto(5, 5)], [resize(2)]], ['resizeCropAuto', 'resize']],
    ['both at once after a cut', [[extract(0, 0, 9, 9), resizeCropAuto(5, 5)]], ['extract', 'resizeCropAuto']],
    ['both at once at the end of a set', [[blur(1), mark, resizeCropAuto(5, 5)]], ['blur watermark', 'resizeCropAuto']],
    ['grey before blur', [[grayscale, blur(1)]], ['grayscale', 'blur']],
  ])('of %s', (_name, passes, expected) => {
    expect(pipelines(jpeg, ...passes)).toEqual(expected)
  })

  it.each<[string, Step[], string[]]>([
    ['a turn', [rotate(90)], ['', '*rotate', '']],
    ['a turn between others', [resize(9), rotate(90), blur(1)], ['resize', '*rotate', 'blur']],
    ['two turns', [rotate(90), rotate(90)], ['', '*rotate', '*rotate', '']],
    ['a watermark', [resize(9), mark, grayscale], ['resize', '*watermark', 'grayscale']],
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

  it('is the first one of an animation when the output has to be still, which is no GIF', () => {
    const still = { ...anOutput, still: true } as const
    expect(planWork(gif, [], { ...still, format: 'webp' }).frame.pages).toBe(1)
    for (const format of ['gif', 'original'] as const) {
      expect(() => planWork(gif, [], { ...still, format })).toThrow(
        expect.objectContaining({ code: 'invalid_request' }),
      )
    }
  })
})

it.each<[string, Header, Step[], boolean]>([
  ['a JPEG', jpeg, [], true],
  ['a PNG with alpha', { ...jpeg, format: 'png', alpha: true }, [], false],
  ['what was filled up with a colour', jpeg, [pad('#ffffffff')], true],
  ['what was filled up with less than a colour', jpeg, [pad('#fffffffe')], false],
  ['what has a watermark', jpeg, [mark], true],
])('%s is opaque, or not', (_name, header, steps, opaque) => {
  expect(planWork(header, [steps], anOutput).opaque).toBe(opaque)
})

function pad(background: string): Step {
  return { op: 'pad', width: 9, height: 9, gravity: 'center', background }
}
