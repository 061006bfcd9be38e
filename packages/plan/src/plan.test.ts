import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { createPlanner, type Format, loadScripts, planSchema, readPlan } from './plan.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'plan-'))
afterAll(() => rmSync(folder, { recursive: true }))

writeFileSync(
  path.join(folder, 's.js'),
  `export default ({ url, obj }) => {
    const [size] = url.query.size ?? []
    if (size === undefined) return
    obj.transforms.resize(size, 0, false, false, false)
    return { parent: '/plain' + obj.key, err: url.query.err?.[0] }
  }`,
)

const storages = 'storages: {basic: {kind: noop}, transform: {kind: noop}}'
const byName = 'path: "^/(?P<presetName>[a-z_]+)/(?P<parent>.+)$", parentBucket: plain'
const byTokens = 'path: "^/(?P<transformations>[^/]*)/(?P<parent>.+)$"'
const written = {
  small: '{quality: 75, filters: {thumbnail: {width: 100}}}',
  bad_format: '{format: bmp, filters: {}}',
  bad_sigma: '{filters: {blur: {sigma: 101}}}',
  no_sigma: '{filters: {blur: {minAmpl: 1}}}',
  below: '{filters: {thumbnail: {width: -1}}}',
  below_crop: '{filters: {crop: {height: -1}}}',
  below_area: '{filters: {extract: {top: -1}}}',
  odd_quality: '{quality: 101, filters: {rotate: {angle: 45}, grayscale: true}}',
}
const presets = `presets: {${Object.entries(written)
  .map(([name, text]) => `${name}: ${text}`)
  .join(', ')}}`
const fileWith = (plugins: string) => `
server: {plugins: {${plugins}}}
buckets:
  plain: {${storages}}
  query: {${storages}, transform: {kind: query}}
  presets: {${storages}, transform: {kind: presets, ${byName}, ${presets}}}
  mixed: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}}}
  base64: {${storages}, transform: {kind: base64_presets, ${byName}, ${presets}}}
  cloud: {${storages}, transform: {kind: cloudinary, ${byTokens}, parentBucket: plain}}
  lacking: {${storages}, transform: {kind: cloudinary, path: "x", parentBucket: plain}}
  script: {${storages}, transform: {kind: script, scriptPath: ${folder}/s.js}}
  tengo: {${storages}, transform: {kind: tengo, tengoPath: x.tengo}}`

async function plannerWith(plugins: string) {
  const { config } = loadConfig(fileWith(plugins), { env: {}, baseDir: folder })
  return createPlanner(config, await loadScripts(config))
}
const planner = await plannerWith('')
const resolve = (target: string, accepts: Format[] = [], by = planner) => by.plan({ target, accepts })
const planOf = (target: string, accepts: Format[] = [], by = planner) => {
  const resolution = resolve(target, accepts, by)
  if (resolution.kind !== 'derivative') throw new Error(`${target} is no derivative`)
  return resolution.plan
}

describe('a URL that is refused', () => {
  const bad = (rows: string[]) => rows.map((row): [string, string] => [row, 'invalid_request'])
  it.each<[string, string]>([
    ...bad(['width=', 'width=0', 'width=-1', 'width=x', 'height=1.5', 'width=1&height=0'].map(q => `/query/a?${q}`)),
    ...bad(['', 'resize', 'resize&width=-1', 'crop&height=-1'].map(q => `/query/a?operation=${q}`)),
    ...bad(['areaWith', 'areaWidth', 'areaHeight', 'top', 'left'].map(q => `/query/a?operation=extract&${q}=-1`)),
    ...bad(['', 'x', '0', '-1', '101', 'NaN'].map(q => `/query/a?operation=blur&sigma=${q}`)),
    ...bad(['', 'x', '45', '-90', '360'].map(q => `/query/a?operation=rotate&angle=${q}`)),
    ...bad(['', 'x', '0', '101'].map(q => `/query/a?quality=${q}`)),
    ...bad(['', 'bmp', 'svg', 'pdf', 'JPG'].map(q => `/query/a?format=${q}`)),
    ...bad(
      ['nothing', 'bad_format', 'bad_sigma', 'no_sigma', 'below', 'below_crop', 'below_area'].map(
        name => `/presets/${name}/a`,
      ),
    ),
    ...bad(['nothing/YQ', 'bad_format/YQ', 'small/YQ==', 'small/a.jpg'].map(rest => `/base64/${rest}`)),
    ...bad(
      ['w_1,c_fill', 'c_none', 'c_a:b', 'c_fit,w', 'c_fit,w_x', 'c_fit,h_-1', 'photos'].map(text => `/cloud/${text}/a`),
    ),
    ...bad(['b_no', 'ar_no', 'g_no', 'bo_1', 'co_red', 'x_no', 'y_no'].map(text => `/cloud/c_fit,w_1,${text}/a`)),
    ...bad(['size=x', 'size=-1', 'size=1&err=no'].map(query => `/script/a?${query}`)),
    ...bad(['/plain/../a', '/plain/%2e%2e/a', '/plain/a%00', '/plain/%zz', '/plain/a%5cb', 'plain/a', '']),
    ['/nowhere/a', 'no_such_bucket'],
    ['//a', 'no_such_bucket'],
    ['/plain/', 'no_such_object'],
    ['/query/folder/?width=1', 'no_such_object'],
    ['/tengo/a', 'unsupported'],
  ])('%s: %s', (target, code) => {
    expect(() => resolve(target)).toThrow(expect.objectContaining({ code }))
  })

  it.each([
    ['/mixed/nothing/a?width=5', '/nothing/a', '5x0 enlarge'],
    ['/mixed/bad_sigma/a?width=5', '/bad_sigma/a', '5x0 enlarge'],
    ['/mixed/small/a?width=5', '/a', '100x0 enlarge'],
  ])('%s is none: presets-query goes on with the query', (target, key, text) => {
    const { original, passes } = planOf(target)
    const [width] = text.split('x')
    expect([original.key, passes]).toMatchObject([key, [[{ op: 'resize', width: Number(width) }]]])
  })

  it('/presets/odd_quality/a is none: what is out of range is passed over', () => {
    expect(planOf('/presets/odd_quality/a')).toMatchObject({
      passes: [[{ op: 'grayscale' }]],
      output: { quality: null },
    })
  })

  it('/lacking/x/a is none: a path without groups names nothing', () => {
    expect(() => resolve('/lacking/x/a')).toThrow(expect.objectContaining({ code: 'invalid_request' }))
    expect(resolve('/lacking/a')).toMatchObject({ kind: 'object' })
  })
})

describe('what the client accepts', () => {
  it.each<[string, string, Format[], string | null, boolean]>([
    ['', '/query/a?width=5', ['avif', 'webp'], null, false],
    ['webp: ~', '/query/a?width=5', ['avif', 'webp'], 'webp', true],
    ['webp: ~', '/query/a?width=5&format=png', ['webp'], 'webp', true],
    ['webp: ~', '/query/a?width=5', [], null, true],
    ['webp: ~, avif: ~', '/query/a?width=5', ['avif', 'webp'], 'avif', true],
    ['webp: ~, avif: ~', '/query/a?width=5', ['webp', 'avif'], 'webp', true],
    ['avif: ~', '/query/a?width=5', ['webp'], null, true],
    ['', '/cloud/c_fit,w_5/a', ['avif', 'webp'], null, false],
    ['', '/cloud/c_fit,w_5,f_auto/a', ['avif', 'webp'], 'webp', true],
    ['', '/cloud/c_fit,w_5/f_auto/a', ['webp'], 'webp', true],
    ['', '/cloud/f_auto/c_fit,w_5,f_png/a', ['webp'], null, false],
    ['', '/cloud/c_fit,w_5,f_auto/a', [], null, true],
    ['', '/cloud/c_fit,w_5,f_auto/a', ['avif'], null, true],
    ['avif: ~', '/cloud/c_fit,w_5,f_auto/a', ['avif', 'webp'], 'avif', true],
    ['avif: ~', '/cloud/c_fit,w_5,f_auto/a', ['webp'], 'webp', true],
  ])('with the plugins {%s}, %s, %j gives %s', async (plugins, target, accepts, format, negotiated) => {
    const by = await plannerWith(plugins)
    const resolution = resolve(target, accepts, by)
    expect(resolution).toMatchObject({ negotiated })
    const asked = /,f_png/.test(target) ? 'png' : 'original'
    expect(planOf(target, accepts, by).output.format).toBe(format ?? asked)
  })

  it('has a key of its own', () => {
    const of = (accepts: Format[]) => planOf('/cloud/c_fit,w_5,f_auto/a', accepts).derivative.key
    expect([of(['webp']), of([])]).toEqual(['/c_fit,w_5,f_auto/awebp', '/c_fit,w_5,f_auto/a'])
  })

  it.each([
    ['', ['webp']],
    ['avif: ~', ['avif', 'webp']],
  ])('matters for these formats with the plugins {%s}: %j', async (plugins, formats) => {
    expect((await plannerWith(plugins)).negotiable).toEqual(formats)
  })
})

describe('the id', () => {
  const id = (target: string) => planOf(target).id
  it.each([
    ['/query/a?width=5&height=6', '/query/a?height=6&width=5'],
    ['/query/a?width=5&format=jpg', '/query/a?format=jpeg&width=5'],
    ['/query/a?width=5', '/query/a?v=2&width=%35'],
    ['/query/a?width=5', '/query/a?operation=resize&width=5'],
    ['/query/a?operation=extract&areaWith=5', '/query/a?areaWidth=5&operation=extract'],
    [
      '/query/a?operation=blur&operation=resize&sigma=1&width=5',
      '/query/a?operation=resize&operation=blur&sigma=1.0&width=05',
    ],
    ['/query/a?width=5&format=png&quality=5', '/query/a?width=5&format=png'],
    ['/query/%61?width=5', '/query/a?width=5'],
  ])('of %s is that of %s', (one, other) => {
    expect(id(one)).toBe(id(other))
  })

  it.each([
    ['/query/a?width=5', '/query/a?height=5'],
    ['/query/a?width=5', '/query/b?width=5'],
    ['/query/a?width=5', '/mixed/a?width=5'],
    ['/query/a?width=5&quality=5', '/query/a?width=5'],
    ['/query/a?width=5&grayscale=0', '/query/a?width=5'],
    ['/query/a?operation=crop&width=5&height=5', '/query/a?width=5&height=5'],
    ['/query/a?operation=crop&width=5&gravity=north', '/query/a?operation=crop&width=5&gravity=south'],
    ['/cloud/c_fill,w_5,h_5/e_blur/a', '/cloud/e_blur/c_fill,w_5,h_5/a'],
    ['/cloud/c_pad,w_5,h_5,b_red/a', '/cloud/c_pad,w_5,h_5,b_blue/a'],
  ])('of %s is not that of %s', (one, other) => {
    expect(id(one)).not.toBe(id(other))
  })

  it('is one for one picture and another for another', () => {
    const number = fc.integer({ min: 1, max: 5 })
    const wish = fc.record(
      { width: number, height: number, quality: number, sigma: number },
      { requiredKeys: ['width'] },
    )
    const target = (of: object) => {
      const parameters = Object.entries(of).map(([name, value]) => `${name}=${value}`)
      return `/query/a?operation=resize&operation=blur&sigma=9&${parameters.join('&')}`
    }
    const meaning = ({ width = 0, height = 0, quality = 0 }) => [width, height, quality].join()
    fc.assert(
      fc.property(wish, wish, (one, other) => {
        expect(id(target(one)) === id(target(other))).toBe(meaning(one) === meaning(other))
      }),
      { numRuns: 500 },
    )
  })
})

describe('any URL', () => {
  const refusals = ['invalid_request', 'no_such_bucket', 'no_such_object', 'unsupported']
  const buckets = fc.constantFrom('plain', 'query', 'presets', 'mixed', 'base64', 'cloud', 'lacking', 'tengo', 'no')
  const segment = fc.oneof(
    fc.constantFrom('small', 'below', 'YQ', 'c_fill,w_5', 'f_auto', 'q_80', 'e_blur:5,a_90', 'cloud', '..', '%2e', ''),
    fc.string(),
    fc.string({ unit: 'binary' }).map(encodeURIComponentSafely),
  )
  const pair = fc.tuple(
    fc.constantFrom(
      'operation',
      'width',
      'height',
      'sigma',
      'angle',
      'quality',
      'format',
      'gravity',
      'top',
      'areaWith',
      'x',
    ),
    fc.oneof(
      fc.constantFrom('resize', 'crop', 'extract', 'blur', 'rotate', '90', '5', 'webp'),
      fc.string(),
      fc.integer().map(String),
    ),
  )
  const urls = fc
    .tuple(buckets, fc.array(segment), fc.array(pair))
    .map(([bucket, segments, pairs]) => `/${bucket}/${segments.join('/')}?${pairs.map(p => p.join('=')).join('&')}`)

  it('gives a plan, an object, a bucket, or a refusal of the client', () => {
    fc.assert(
      fc.property(
        fc.oneof(urls, fc.string(), fc.webUrl()),
        fc.subarray<Format>(['avif', 'webp']),
        (target, accepts) => {
          try {
            const resolution = resolve(target, accepts)
            if (resolution.kind !== 'derivative') return
            expect(readPlan(JSON.parse(JSON.stringify(resolution.plan)))).toEqual(resolution.plan)
            expect(resolve(target, accepts)).toEqual(resolution)
          } catch (error) {
            if (!(error instanceof MortiseError)) throw error
            expect(refusals).toContain(error.code)
          }
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('of half a million slashes is that of one', () => {
    expect(resolve(`/cloud/${'/'.repeat(500_000)}a`)).toEqual(resolve('/cloud//a'))
  })

  it.each([
    ['components', (n: number) => `/cloud/${'c_fill,w_1/'.repeat(n)}a`],
    ['digits', (n: number) => `/cloud/c_fill,w_${'1'.repeat(n)}/a`],
    ['presets', (n: number) => `/presets/${'small/'.repeat(n)}a`],
    ['characters in base64', (n: number) => `/base64/small/${'YWFh'.repeat(n)}`],
    ['percents', (n: number) => `/query/${'%61'.repeat(n)}?width=5`],
    ['dots', (n: number) => `/query/${'.../'.repeat(n)}a?width=5`],
  ])('of half a million %s is refused', (_name, make) => {
    expect(() => resolve(make(500_000))).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it.each([
    ['tokens', (n: number) => `/cloud/c_fill${',w_1'.repeat(n)}/a`, 'invalid_request'],
    ['operations', (n: number) => `/query/a?${'operation=crop&'.repeat(n)}width=5`, null],
    ['parameters', (n: number) => `/query/a?${Array.from({ length: n }, (_, i) => `p${i}=1`).join('&')}&width=5`, null],
  ])('of half a million %s ends', (_name, make, code) => {
    if (code === null) expect(planOf(make(500_000)).passes.length).toBe(1)
    else expect(() => resolve(make(500_000))).toThrow(expect.objectContaining({ code }))
  })

  it.each([
    ['/query/', 2048 - 1],
    ['/presets/small/', 2048 - '/small/'.length],
  ])('that makes a key too long for a plan (%s) is refused', (start, longest) => {
    const target = (length: number) => `${start}${'k'.repeat(length)}?width=5`
    expect(readPlan(planOf(target(longest)))).toEqual(planOf(target(longest)))
    expect(() => resolve(target(longest + 1))).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })
})

it('a plan is what its schema says', () => {
  expect(planSchema.parse(planOf('/cloud/c_pad,w_5,h_5/a'))).toEqual(planOf('/cloud/c_pad,w_5,h_5/a'))
})

function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
