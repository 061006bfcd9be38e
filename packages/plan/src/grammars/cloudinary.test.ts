import fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, it } from 'vitest'
import { planOutput } from '../output.ts'
import { toPasses } from '../passes.ts'
import { createCloudinaryGrammar } from './cloudinary.ts'

/** Captures one segment, as the paths in mort files do. */
const oneSegment = RE2JS.compile('^/(?P<transformations>[^/]*)/(?P<parent>.+)$')
/** Captures all of them. */
const allSegments = RE2JS.compile('^/t/(?P<transformations>.*)/-/(?P<parent>.+)$')

const grammar = createCloudinaryGrammar({ path: oneSegment, parentBucket: 'originals' })
const long = createCloudinaryGrammar({ path: allSegments, parentBucket: 'originals' })
const noQuery = { get: () => undefined, all: () => [], names: () => [], raw: '' }

const parse = (transformations: string, from = grammar) => {
  const key = from === long ? `/t/${transformations}/-/cat.jpg` : `/${transformations}/cat.jpg`
  const parsed = from({ key, query: noQuery })
  if (!parsed) throw new Error('no match')
  return parsed
}
const passes = (text: string) => toPasses(parse(text).sets, [])
const output = (text: string) => planOutput(parse(text).sets, null, [])

type Size = [number, number]
const resize = (fit: string, [width, height]: Size, enlarge = true) => ({ op: 'resize', width, height, fit, enlarge })
const crop = (gravity: string, [width, height]: Size, enlarge = true) => ({
  op: 'crop',
  width,
  height,
  gravity,
  enlarge,
})
const pad = (background: string, gravity = 'center') => ({ op: 'pad', width: 10, height: 20, gravity, background })

describe('a cloudinary component', () => {
  it.each([
    ['c_fit,w_10,h_20', [resize('inside', [10, 20])]],
    ['c_fit,h_20,w_10', [resize('inside', [10, 20])]],
    ['c_fit,w_10', [resize('inside', [10, 0])]],
    ['c_fit', []],
    ['c_fill,w_10,h_20', [resize('cover', [10, 20])]],
    ['c_fill,h_20', [resize('cover', [0, 20])]],
    ['c_crop,w_10,h_20', [crop('smart', [10, 20], false)]],
    ['c_crop,w_10', [crop('smart', [10, 0], false)]],
    ['c_crop,w_0,h_0', []],
    ['c_fit,w_10,c_fill,h_20', [resize('inside', [10, 20])]],
    ['c_fit,w_10,l_logo,t_named,fl_lossy,e_sepia', [resize('inside', [10, 0])]],
  ])('%s is as in mort', (text, steps) => {
    expect(passes(text).flat()).toEqual(steps)
  })

  it.each([
    ['c_scale,w_10,h_20', [resize('stretch', [10, 20])]],
    ['c_scale,w_10', [resize('stretch', [10, 0])]],
    ['c_limit,w_10,h_20', [resize('inside', [10, 20], false)]],
    ['c_pad,w_10,h_20', [pad('#ffffffff')]],
    ['c_pad,w_10,h_20,b_black', [pad('#000000ff')]],
    ['c_pad,w_10,h_20,b_rgb:F80', [pad('#ff8800ff')]],
    ['c_pad,w_10,h_20,b_rgb:ff880040,g_north_east', [pad('#ff880040', 'northeast')]],
    ['c_pad,w_10,h_20,b_transparent,g_auto', [pad('#00000000')]],
    ['c_pad,w_10', [resize('inside', [10, 0])]],
    ['c_thumb,w_10,h_20', [crop('smart', [10, 20])]],
    ['c_thumb,w_10,h_20,g_face', [crop('smart', [10, 20])]],
    ['c_thumb,w_10', [resize('cover', [10, 0])]],
    ['c_fill,w_10,h_20,g_north', [crop('north', [10, 20])]],
    ['c_fill,w_10,h_20,g_south_west', [crop('southwest', [10, 20])]],
    ['c_fill,w_10,h_20,g_auto:subject', [crop('smart', [10, 20])]],
    ['c_fill,w_10,h_20,g_center', [resize('cover', [10, 20])]],
    ['c_fill,w_10,g_north', [resize('cover', [10, 0])]],
    ['c_crop,w_10,h_20,g_west', [crop('west', [10, 20], false)]],
    ['c_crop,w_10,h_20,x_1,y_2', [{ op: 'extract', left: 1, top: 2, width: 10, height: 20 }]],
    ['c_crop,w_10,y_2', [{ op: 'extract', left: 0, top: 2, width: 10, height: 0 }]],
    ['c_fit,w_10,x_1', [resize('inside', [10, 0])]],
    ['c_fill,w_32,ar_16:9', [resize('cover', [32, 18])]],
    ['c_fill,h_18,ar_16:9', [resize('cover', [32, 18])]],
    ['c_fill,w_30,ar_1.5', [resize('cover', [30, 20])]],
    ['c_fill,w_10,h_20,ar_16:9', [resize('cover', [10, 20])]],
    ['c_fill,w_100,ar_100000', [resize('cover', [100, 1])]],
    ['c_fit,w_10,h_20,dpr_2', [resize('inside', [20, 40])]],
    ['c_fit,w_10,dpr_1.5', [resize('inside', [15, 0])]],
    ['c_fit,w_10,dpr_auto', [resize('inside', [10, 0])]],
    ['c_fit,w_10,a_90', [{ op: 'rotate', angle: 90 }, resize('inside', [10, 0])]],
    ['a_-90', [{ op: 'rotate', angle: 270 }]],
    ['a_450', [{ op: 'rotate', angle: 90 }]],
    ['a_360', []],
    ['e_blur', [{ op: 'blur', sigma: 5, minAmplitude: 0 }]],
    ['e_blur:2000', [{ op: 'blur', sigma: 100, minAmplitude: 0 }]],
    ['e_grayscale', [{ op: 'grayscale' }]],
    [
      'c_fit,w_10,e_grayscale,e_blur:40',
      [resize('inside', [10, 0]), { op: 'blur', sigma: 2, minAmplitude: 0 }, { op: 'grayscale' }],
    ],
  ])('%s', (text, steps) => {
    expect(passes(text).flat()).toEqual(steps)
  })

  it.each([
    ['q_40', { quality: 40 }],
    ['q_auto', { quality: null }],
    ['q_auto:best', { quality: null }],
    ['q_40/q_auto', { quality: null }],
    ['f_jpg', { format: 'jpeg' }],
    ['f_webp,q_30', { format: 'webp', quality: 30 }],
    ['f_auto', { format: 'original' }],
    ['f_png/f_auto', { format: 'original' }],
    ['f_auto/f_png', { format: 'png' }],
  ])('%s is written so', (text, wanted) => {
    expect(output(text)).toMatchObject(wanted)
  })

  it.each([
    ['w_100,c_fill', 'the mode is not first'],
    ['w_100', 'there is no mode'],
    ['q_80,c_fill,w_10', 'the mode is not first'],
    ['q_80,w_10', 'there is no mode'],
    ['photos', 'no underscore'],
    ['c_fill,w', 'no underscore'],
    ['c_fill,', 'an empty token'],
    [',c_fill', 'an empty token'],
    ['_fill', 'a token without a name'],
    ['c_', 'no mode'],
    ['c_mfit,w_10', 'another mode'],
    ['c_a:b', 'a mode of two parts'],
    ['c_fit:x,w_10', 'a mode of two parts'],
    ['c_FIT,w_10', 'capitals'],
    ['c_fit,w_', 'no width'],
    ['c_fit,w_auto', 'a width that is no number'],
    ['c_fit,w_-1', 'a negative width'],
    ['c_fit,w_0.5', 'half a width'],
    ['c_fit,w_1:2', 'two widths'],
    ['c_fit,w_4294967296', 'a width beyond 32 bits'],
    ['c_fit,h_ten', 'a height that is no number'],
    ['c_fit,h_-1', 'a negative height'],
    ['c_fit,h_1:2', 'two heights'],
    ['c_crop,w_1,h_1,x_-1', 'a negative place'],
    ['c_crop,w_1,h_1,y_half', 'a place that is no number'],
    ['c_fill,ar_1:1', 'a ratio without a size'],
    ['c_fill,w_1,ar_0', 'a ratio of nothing'],
    ['c_fill,w_1,ar_1:2:3', 'a ratio of three'],
    ['c_fill,w_1,g_up', 'a gravity that is not known'],
    ['c_fill,w_1,b_rgb:12', 'a colour of two digits'],
    ['c_fill,w_1,b_blurple', 'a colour that is not known'],
    ['c_fill,w_1,dpr_0', 'a density of nothing'],
    ['c_fill,w_1,dpr_11', 'a density that is too high'],
    ['c_fill,w_1,co_red', 'a colour of text'],
    ['c_fill,w_1,bo_1px_solid_red', 'a border'],
    ['q_0', 'a quality of nothing'],
    ['q_101', 'a quality above 100'],
    ['q_80:420', 'a quality of two parts'],
    ['q_auto:great', 'an automatic quality that is not known'],
    ['f_bmp', 'a format that is not written'],
    ['f_pdf', 'a format that is not written'],
    ['a_45', 'no quarter turn'],
    ['a_hflip', 'a mirror'],
    ['e_blur:0', 'a blur of nothing'],
    ['e_blur:2001', 'too much blur'],
    ['e_sepia', 'an effect that is not known, by itself'],
    ['l_logo', 'a layer by itself'],
  ])('%s is refused: %s', text => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })
})

describe('cloudinary components in a row', () => {
  const both = [[resize('cover', [10, 10])], [{ op: 'grayscale' }]]

  it('run from left to right, one pass each', () => {
    expect(passes('c_fill,w_10,h_10/e_grayscale')).toEqual(both)
    expect(passes('e_grayscale/c_fill,w_10,h_10')).toEqual(both.toReversed())
    expect(toPasses(parse('c_fill,w_10,h_10/e_grayscale', long).sets, [])).toEqual(both)
  })

  it.each([
    ['/c_fill,w_1/trip/cat.jpg', 1, '/originals/trip/cat.jpg'],
    ['/c_fill,w_1/a_team/cat.jpg', 1, '/originals/a_team/cat.jpg'],
    ['/c_fill,w_1/e_books/cat.jpg', 1, '/originals/e_books/cat.jpg'],
    ['/c_fill,w_1/c_fill,l_x/cat.jpg', 1, '/originals/c_fill,l_x/cat.jpg'],
    ['/c_fill,w_1/q_80/trip/q_80/cat.jpg', 2, '/originals/trip/q_80/cat.jpg'],
    ['/c_fill,w_1/q_80/q_80', 2, '/originals/q_80'],
    ['/c_fill,w_1//q_80/cat.jpg', 2, '/originals/cat.jpg'],
    ['//cat.jpg', 0, '/originals/cat.jpg'],
    ['//q_80/cat.jpg', 0, '/originals/q_80/cat.jpg'],
  ])('%s has %i of them and the parent %s', (key, count, parent) => {
    const parsed = grammar({ key, query: noQuery })
    expect([parsed?.sets.length, parsed?.parent]).toEqual([count, parent])
  })

  it('are refused when there are more than 16', () => {
    const many = (count: number) => Array(count).fill('q_80').join('/')
    expect(parse(many(16)).sets.length).toBe(16)
    expect(parse(many(16), long).sets.length).toBe(16)
    for (const from of [grammar, long]) expect(() => parse(many(17), from)).toThrow(/more than 16/)
  })
})

it('a key that the regexp does not find is a plain object', () => {
  expect(grammar({ key: '/cat.jpg', query: noQuery })).toBeNull()
})

it('the order of the tokens does not matter', () => {
  const tokens = [
    'w_100',
    'h_50',
    'g_north',
    'q_70',
    'f_webp',
    'a_90',
    'e_blur:30',
    'e_grayscale',
    'dpr_2',
    'b_red',
    'ar_2',
  ]
  const modes = fc.constantFrom('fit', 'fill', 'crop', 'scale', 'limit', 'pad', 'thumb')
  fc.assert(
    fc.property(modes, fc.shuffledSubarray(tokens, { minLength: 2 }), (mode, some) => {
      if (some.includes('ar_2') && !some.includes('w_100') && !some.includes('h_50')) return
      const inOrder = tokens.filter(token => some.includes(token))
      expect(parse(`c_${mode},${some}`).sets).toEqual(parse(`c_${mode},${inOrder}`).sets)
    }),
  )
})

it('any component is a set or refused', () => {
  const name = fc.constantFrom('c', 'w', 'h', 'ar', 'dpr', 'x', 'y', 'g', 'b', 'q', 'f', 'a', 'e', '', 'zz')
  const value = fc.oneof(
    fc.constantFrom('fill', 'crop', 'pad', 'thumb', 'auto', 'blur:5', 'rgb:abc', '16:9', '90', 'png', 'north', '-1'),
    fc.string(),
    fc.integer().map(String),
    fc.double().map(String),
  )
  const token = fc.oneof(
    fc.tuple(name, value).map(([key, text]) => `${key}_${text}`),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(fc.array(token).map(tokens => tokens.join(','))), components => {
      try {
        const parsed = long({ key: `/t/${components.join('/')}/-/a.jpg`, query: noQuery })
        if (parsed) toPasses(parsed.sets, [])
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_request' })
      }
    }),
    { numRuns: 1000 },
  )
})
