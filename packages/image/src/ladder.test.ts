import { operationOf, type Step } from '@mortise/operations'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anOutput, crop, extract, resize, resizeCropAuto, rotate } from '../../../test/fixtures/renders.ts'
import type { Header } from './header.ts'
import { planLadders } from './ladder.ts'
import { planWork } from './work.ts'

const jpeg: Header = {
  format: 'jpeg',
  width: 6000,
  height: 4000,
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
const size = 9_000_000

/** A text for each ladder: levels in brackets, and the derivatives by their names. */
function print(header: Header, steps: Record<string, Step[]>, metadata: 'keep' | 'strip' = 'keep'): string[] {
  const names = Object.keys(steps)
  const output = { ...anOutput, format: 'webp', metadata } as const
  const works = new Map(Object.values(steps).map((pass, i) => [i, planWork(header, [pass], output)]))
  return planLadders(works, size).map(({ rungs }) =>
    rungs
      .map(rung => (rung.kind === 'level' ? `[${rung.size.width}x${rung.size.height}]` : names[rung.index]))
      .join(' '),
  )
}

const widths = (...all: number[]) => Object.fromEntries(all.map(width => [`w${width}`, [resize(width)]]))
const two = widths(400, 200)
const turned = { ...jpeg, orientation: 6 }

describe('the order of renders, and the levels between them', () => {
  it.each<[string, number[], string]>([
    [
      'a third of the sides, which is decoded at half the cost',
      [1024, 800, 640, 480, 320, 160],
      '[1998x1332] w1024 w800 w640 [960x640] w480 w320 w160',
    ],
    [
      'a level from a level',
      [2048, 1600, 1280, 1024, 800, 640, 480, 320],
      '[4098x2732] w2048 w1600 w1280 w1024 [1602x1068] w800 w640 w480 w320',
    ],
    [
      'the largest first, in whatever order they come',
      [160, 480, 1024, 320],
      '[1998x1332] w1024 [960x640] w480 w320 w160',
    ],
    ['no level for one', [800], 'w800'],
    ['no level where two by themselves cost less', [2900, 100], 'w2900 w100'],
  ])('%s', (_name, all, expected) => {
    expect(print(jpeg, widths(...all))).toEqual([expected])
  })

  it.each<[string, Header, Record<string, Step[]>, string[]]>([
    [
      'what is more than half of the original',
      jpeg,
      { large: [resize(4000)], ...two },
      ['large', '[801x534] w400 w200'],
    ],
    ['a smart crop', jpeg, { smart: [crop(300, 300, 'smart')], ...two }, ['smart', '[801x534] w400 w200']],
    ['an area of the original', jpeg, { auto: [resizeCropAuto(150, 160)], ...two }, ['auto', '[801x534] w400 w200']],
    ['a cut that comes first', jpeg, { cut: [extract(0, 0, 99, 99)], ...two }, ['cut', '[801x534] w400 w200']],
    ['a turn that comes first', jpeg, { turn: [rotate(90), resize(50)], ...two }, ['turn', '[801x534] w400 w200']],
    ['a crop by one size', jpeg, { one: [crop(300)], ...two }, ['one', '[801x534] w400 w200']],
    [
      'a turn that takes the place of the one of EXIF',
      turned,
      { turn: [resize(50), rotate(90)], ...two },
      ['turn', '[800x1200] w400 w200'],
    ],
    ['IPTC that is kept', { ...jpeg, iptc: true, tags: true }, two, ['w400 w200']],
    ['an animation', { ...jpeg, format: 'gif', frames: 3 }, two, ['w400 w200']],
    ['inks', { ...jpeg, cmyk: true, bands: 4 }, two, ['w400 w200']],
    ['16 bits', { ...jpeg, format: 'png', depth: 2 }, two, ['w400 w200']],
    ['grey', { ...jpeg, bands: 1 }, two, ['w400 w200']],
  ])('has no level for %s', (_name, header, steps, expected) => {
    expect(print(header, steps)).toEqual(expected)
  })

  it('has another one for what drops the metadata', () => {
    const works = (['keep', 'strip', 'keep', 'strip'] as const).map((metadata, i) => {
      return [i, planWork(jpeg, [[resize(400 - i)]], { ...anOutput, metadata })] as const
    })
    const rungs = planLadders(new Map(works), size).map(ladder => ladder.rungs.map(({ kind }) => kind))
    expect(rungs).toEqual(Array(2).fill(['level', 'render', 'render']))
  })

  it('makes each once, from a level of nearly twice its sides at least', () => {
    const side = fc.integer({ min: 1, max: 8000 })
    const asked = fc.array(fc.tuple(side, side, fc.constantFrom('stretch', 'cover', 'inside')), { maxLength: 20 })
    fc.assert(
      fc.property(side, side, fc.constantFrom('jpeg', 'png'), asked, (width, height, format, list) => {
        const header = { ...jpeg, format, width, height }
        const works = new Map(list.map((args, i) => [i, planWork(header, [[resize(...args)]], anOutput)]))
        const made: number[] = []
        for (const { rungs } of planLadders(works, size)) {
          let hand = { width, height }
          for (const rung of rungs) {
            if (rung.kind === 'level') {
              expect(rung.size.width <= hand.width && rung.size.height <= hand.height).toBe(true)
              hand = rung.size
              continue
            }
            made.push(rung.index)
            if (hand.width === width && hand.height === height) continue
            const step = works.get(rung.index)?.pipelines[0].steps[0]
            const to = step && operationOf(step).scaled?.({ width, height, pages: 1 }, step)
            expect(Math.min(hand.width / (to?.width ?? 0), hand.height / (to?.height ?? 0))).toBeGreaterThan(1.88)
          }
        }
        expect(made.toSorted((a, b) => a - b)).toEqual(list.map((_, i) => i))
      }),
      { numRuns: 500 },
    )
  })
})
