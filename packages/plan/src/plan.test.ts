import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadConfig } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import fc from 'fast-check'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { parseQuery } from './address.ts'
import { parseQuerySet } from './grammars/query.ts'
import { createPlanner, type Format, loadScripts, type Planner, planFor, planSchema, readPlan } from './plan.ts'

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
  below_auto: '{filters: {resizeCropAuto: {width: -1}}}',
  no_image: '{filters: {watermark: {position: top-left}}}',
  no_position: '{filters: {watermark: {image: /a.png}}}',
  bad_position: '{filters: {watermark: {image: /a.png, position: left-top}}}',
  bad_opacity: '{filters: {watermark: {image: /a.png, position: top-left, opacity: 1.5}}}',
  bad_url: '{filters: {watermark: {image: "http://u:secret@a/b", position: top-left}}}',
  marked: '{filters: {watermark: {image: mark.png, position: center-right}}}',
  marked_url: '{filters: {watermark: {image: "HTTPS://A/b.png", position: bottom-left, opacity: 0.25}}}',
  auto: '{quality: 60, filters: {resizeCropAuto: {width: 30, height: 20}, blur: {sigma: 1}, interlace: true}}',
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
  open: {${storages}, transform: {kind: presets, path: "^/(?P<presetName>[a-z_]+)/(?P<parent>.+)$", ${presets}}}
  still: {${storages}, transform: {kind: query, compat: [still-gif, integer-ratio, watermark-position]}}
  old: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}, compat: [watermark-position]}}
  kept: {${storages}, transform: {kind: query, keepFormat: true}}
  hashed: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}, mortKeys: true}}
  hashedToo: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}, mortKeys: true, resultKey: hash}}
  merged: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}, compat: [merge-sets]}}
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
      ['', 'x', '-1', '2', 'NaN'].map(opacity => `/query/a?operation=watermark&image=http://a/b&opacity=${opacity}`),
    ),
    ...bad(
      ['', 'top', 'left-top'].map(text => `/query/a?operation=watermark&opacity=1&image=http://a/b&position=${text}`),
    ),
    ...bad(
      ['', '/b', 'b.png', 'file:///b', 'ftp://a/b', 'http:', 'http://u@a/b'].map(
        image => `/query/a?operation=watermark&opacity=1&position=top-left&image=${image}`,
      ),
    ),
    ...bad(['width=-1', 'height=-1'].map(query => `/query/a?operation=resizeCropAuto&${query}`)),
    ...bad(['nothing', 'bad_format', 'bad_sigma', 'no_sigma'].map(name => `/presets/${name}/a`)),
    ...bad(['below', 'below_crop', 'below_area', 'below_auto'].map(name => `/presets/${name}/a`)),
    ...bad(['no_image', 'no_position', 'bad_position', 'bad_opacity', 'bad_url'].map(name => `/presets/${name}/a`)),
    ...bad(['nothing/YQ', 'bad_format/YQ', 'small/YQ==', 'small/a.jpg'].map(rest => `/base64/${rest}`)),
    ...bad(
      ['w_1,c_fill', 'c_none', 'c_a:b', 'c_fit,w', 'c_fit,w_x', 'c_fit,h_-1', 'photos'].map(text => `/cloud/${text}/a`),
    ),
    ...bad(['b_no', 'ar_no', 'g_no', 'bo_1', 'co_red', 'x_no', 'y_no'].map(text => `/cloud/c_fit,w_1,${text}/a`)),
    ...bad(['size=x', 'size=-1', 'size=1&err=no'].map(query => `/script/a?${query}`)),
    ...bad(['/plain/../a', '/plain/%2e%2e/a', '/plain/a%00', '/plain/%zz', '/plain/a%5cb', 'plain/a', '']),
    ...bad(['/open/small/a.jpg', '/open/small/nowhere/a.jpg', '/open/small/plain']),
    ...bad([`/still/a?format=gif`]),
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

  it.each<[string, object[]]>([
    ['marked', [{ op: 'watermark', image: 'file:mark.png', row: 1, column: 2, opacity: 1 }]],
    ['marked_url', [{ op: 'watermark', image: 'https://a/b.png', row: 2, column: 0, opacity: 0.25 }]],
    [
      'auto',
      [
        { op: 'blur', sigma: 1, minAmplitude: 0 },
        { op: 'resizeCropAuto', width: 30, height: 20 },
      ],
    ],
  ])('/presets/%s/a is none', (name, steps) => {
    expect(planOf(`/presets/${name}/a`).passes).toEqual([steps])
  })

  it("a preset's mistake does not tell what it holds", () => {
    expect(() => resolve('/presets/bad_url/a')).toThrow(/^(?!.*secret).*preset bad_url: watermark: image/)
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

  it('is one for parameters in any order, and for any that nobody reads', () => {
    const pairs = [
      ...['resize', 'crop', 'extract', 'blur', 'rotate', 'watermark', 'resizeCropAuto'].map(
        name => `operation=${name}`,
      ),
      ...['width=30', 'height=20', 'gravity=north', 'areaWith=9', 'areaHeight=8', 'top=1', 'left=2', 'sigma=2'],
      ...[
        'angle=90',
        'image=http://a/b',
        'position=top-left',
        'opacity=0.5',
        'quality=50',
        'format=webp',
        'grayscale=',
      ],
    ]
    const some = fc.shuffledSubarray(['v=1', 'embed=1', 'Width=9', '', ';', 'x;y=2', '%zz=1'])
    fc.assert(
      fc.property(fc.shuffledSubarray(pairs, { minLength: pairs.length }), some, (shuffled, more) => {
        expect(id(`/query/a?${[...shuffled, ...more].join('&')}`)).toBe(id(`/query/a?${pairs.join('&')}`))
      }),
      { numRuns: 100 },
    )
  })

  it('is one for one watermark and another for another', () => {
    const wish = fc.record({
      image: fc.constantFrom('http://a/b', 'HTTP://A/b', 'http://a/c', 'http://a/b%20'),
      position: fc.constantFrom('top-left', 'top-right', 'center-center', 'bottom-left'),
      opacity: fc.constantFrom('0', '1', '1.0', '0.5', '.5', '0.25'),
    })
    type Mark = { image: string; position: string; opacity: string }
    const target = (of: Mark) => `/query/a?operation=watermark&${new URLSearchParams(of)}`
    const meaning = ({ image, position, opacity }: Mark) => [new URL(image).href, position, Number(opacity) || 1].join()
    fc.assert(
      fc.property(wish, wish, (one, other) => {
        expect(id(target(one)) === id(target(other))).toBe(meaning(one) === meaning(other))
      }),
    )
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
  const buckets = fc.constantFrom(
    ...[
      'plain',
      'query',
      'presets',
      'mixed',
      'base64',
      'cloud',
      'lacking',
      'tengo',
      'no',
      'open',
      'still',
      'old',
      'kept',
    ],
    ...['hashed', 'hashedToo', 'merged'],
  )
  const segment = fc.oneof(
    fc.constantFrom(
      'small',
      'below',
      'marked',
      'auto',
      'plain',
      'YQ',
      'c_fill,w_5',
      'f_auto',
      'q_80',
      'e_blur:5,a_90',
      'cloud',
      '..',
      '%2e',
      '',
    ),
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
      'image',
      'position',
      'opacity',
      'x',
    ),
    fc.oneof(
      fc.constantFrom('resize', 'crop', 'extract', 'blur', 'rotate', 'watermark', 'resizeCropAuto', '90', '5', 'webp'),
      fc.constantFrom('http://a/b', 'file:/a', 'top-left', 'center-right', '0', '0.5', '1'),
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
            const explanation = planner.explain({ target, accepts })
            expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation)
            if ('error' in explanation) expect(refusals).toContain(explanation.error.code)
            const resolution = resolve(target, accepts)
            expect(explanation).toMatchObject({ target, kind: resolution.kind })
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
    ['operations', (n: number) => `/query/a?${'operation=crop&'.repeat(n)}width=5`],
    [
      'letters in the address of a watermark',
      (n: number) => `/query/a?operation=watermark&image=http://${'a'.repeat(n)}`,
    ],
    ['dots', (n: number) => `/query/${'.../'.repeat(n)}a?width=5`],
  ])('of half a million %s is refused', (_name, make) => {
    expect(() => resolve(make(500_000))).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it.each([
    ['tokens', (n: number) => `/cloud/c_fill${',w_1'.repeat(n)}/a`, 'invalid_request'],
    ['parameters', (n: number) => `/query/a?${Array.from({ length: n }, (_, i) => `p${i}=1`).join('&')}&width=5`, null],
  ])('of half a million %s ends', (_name, make, code) => {
    if (code === null) expect(planOf(make(500_000)).passes.length).toBe(1)
    else expect(() => resolve(make(500_000))).toThrow(expect.objectContaining({ code }))
  })

  it('of many parameters is asked as often as one of a few', () => {
    const questions = (count: number) => {
      const query = parseQuery(`operation=crop&width=5${'&p=1'.repeat(count)}`)
      const asked = { get: vi.fn(query.get), all: vi.fn(query.all), names: vi.fn(query.names) }
      parseQuerySet({ ...query, ...asked })
      return Object.values(asked).map(({ mock }) => mock.calls.length)
    }
    expect(questions(10_000)).toEqual(questions(1))
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

describe('a plan', () => {
  const plan = planOf('/cloud/c_pad,w_5,h_5/a')

  it('is what its schema says', () => {
    expect(planSchema.parse(plan)).toEqual(plan)
  })

  it.each<[string, unknown]>([
    ['without an id', { ...plan, id: undefined }],
    ['with the id of another one', { ...plan, id: planOf('/query/a?width=5').id }],
    ['with other steps', { ...plan, passes: [[{ op: 'grayscale' }]] }],
    ['with another output', { ...plan, output: { ...plan.output, still: true } }],
    ['with another original', { ...plan, original: { ...plan.original, key: '/secret' } }],
    ['with another place for the result', { ...plan, derivative: { ...plan.derivative, key: '/other' } }],
    ['with something more', { ...plan, more: 1 }],
    ['that is none', null],
  ])('%s is refused', (_name, value) => {
    expect(() => readPlan(value)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })

  it('for another original has another id', () => {
    const places = { original: { ...plan.original, key: '/b' }, derivative: plan.derivative }
    expect(planFor(plan, plan)).toEqual(plan)
    expect(readPlan(planFor(plan, places))).toMatchObject({ ...places, passes: plan.passes })
  })
})

describe("mort's way, where the configuration asks for it", () => {
  it.each<[string, object]>([
    ['watermark-position: /old/marked/a', { row: 1, column: 1 }],
    ['watermark-position: /old/marked_url/a', { row: 2, column: 0 }],
    [
      'watermark-position: /still/a?operation=watermark&opacity=1&image=http://a/b&position=top-right',
      { row: 0, column: 0 },
    ],
    ['not: /query/a?operation=watermark&opacity=1&image=http://a/b&position=top-right', { row: 0, column: 2 }],
  ])('%s', (text, place) => {
    expect(planOf(text.slice(text.indexOf('/'))).passes).toMatchObject([[place]])
  })

  it('still-gif: the output is still, and no GIF unless something better is negotiated', async () => {
    expect(planOf('/still/a?width=5').output).toMatchObject({ format: 'original', still: true })
    expect(planOf('/query/a?width=5').output).not.toHaveProperty('still')
    const by = await plannerWith('webp: ~')
    expect(planOf('/still/a?format=gif', ['webp'], by).output).toMatchObject({ format: 'webp', still: true })
    expect(planOf('/still/a?width=5').id).not.toBe(planOf('/query/a?width=5').id)
  })

  it('merge-sets: the sets of a chain are one pass', () => {
    expect(planOf('/merged/small/merged/auto/a').passes.length).toBe(1)
  })
})

describe('keepFormat', () => {
  it.each<[string, string, boolean]>([
    ['/kept/a?width=5&format=png', 'png', false],
    ['/kept/a?width=5', 'webp', true],
    ['/query/a?width=5&format=png', 'webp', true],
  ])('%s, with WebP accepted, is %s', async (target, format, negotiated) => {
    const by = await plannerWith('webp: ~')
    expect(resolve(target, ['webp'], by)).toMatchObject({ negotiated, plan: { output: { format } } })
  })
})

describe('the key of a derivative', () => {
  const keyOf = (target: string, accepts: Format[] = [], by = planner) => planOf(target, accepts, by).derivative.key

  it("is mort's hashParent, in a query bucket with mortKeys", () => {
    expect(keyOf('/hashed/parent.jpg?operation=resizeCropAuto&width=100&height=100')).toBe(
      '/parent.jpg/179e44cbdd0d290829b89286562fa8b6',
    )
    expect(keyOf('/hashed/a/b.jpg?width=5')).toMatch(/^\/a-b\.jpg\/[0-9a-f]{32}$/)
  })

  it("is mort's hash, when resultKey says so", () => {
    expect(keyOf('/hashedToo/small/a/b.jpg')).toMatch(/^\/([0-9a-f]{3})\/a-b\/a-b\.jpg-\1[0-9a-f]{1,13}$/)
    expect(keyOf('/hashedToo/small/b')).toMatch(/\/b\/b-/)
  })

  it('has the negotiated format behind it, as in mort', async () => {
    const by = await plannerWith('webp: ~')
    const target = '/hashed/parent.jpg?operation=resizeCropAuto&width=100&height=100'
    expect(keyOf(target, ['webp'], by)).toBe('/parent.jpg/179e44cbdd0d290829b89286562fa8b6webp')
  })

  it.each([
    ['width=5', 'width=6'],
    ['width=5', 'height=5'],
    ['operation=extract&areaWith=5', 'operation=extract&areaWith=6'],
    [
      'operation=watermark&image=http://a/1&position=top-left&opacity=1',
      'operation=watermark&image=http://a/2&position=top-left&opacity=1',
    ],
    ['format=avif', 'format=tiff'],
  ])('of mort is not one for %s and %s', (one, other) => {
    for (const bucket of ['hashed', 'hashedToo']) {
      expect(keyOf(`/${bucket}/a.jpg?${one}`)).not.toBe(keyOf(`/${bucket}/a.jpg?${other}`))
    }
  })

  it.each(['', 'mortKeys: true, resultKey: hash', 'resultKey: path', 'mortKeys: true, resultKey: path'])(
    'among plain files, which have no record, is a digest of its own: {%s}',
    settings => {
      const local = `storages: {basic: {kind: noop}, transform: {kind: local, rootPath: ${folder}}}`
      const text = `buckets: {media: {${local}, transform: {kind: query, ${settings}}}}`
      const by = createPlanner(loadConfig(text, { env: {}, baseDir: folder }).config)
      expect(by.explain({ target: '/media/a.jpg?width=5', accepts: [] })).toMatchObject({ resultKey: 'digest' })
    },
  )

  it('of mort is one for the parameters in another order', () => {
    expect(keyOf('/hashed/a.jpg?width=5&height=6&quality=7')).toBe(keyOf('/hashed/a.jpg?quality=7&height=6&width=5'))
  })
})

function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

describe('a derivative in the folder of its original', () => {
  const files = { kind: 'local-meta', rootPath: '/data' }
  const plannerOf = (transform: object, storage: object = files) =>
    createPlanner(
      loadConfig(
        JSON.stringify({ buckets: { media: { storages: { basic: files, transform: storage }, transform } } }),
        {
          env: {},
          baseDir: '/',
        },
      ).config,
    )
  const keyOf = (planner: Planner, target: string) => {
    const resolution = planner.plan({ target, accepts: [] })
    return resolution.kind === 'derivative' ? resolution.plan.derivative.key : null
  }
  const digest = { kind: 'query' }
  const named = { kind: 'query', resultKey: 'path' }

  it.each([
    ['below the name of its original', digest, '/media/a.jpg?width=9', /^\/-\/a\.jpg\/[0-9a-f]{32}$/],
    ['under the name of its original', named, '/media/a.jpg?width=9', /^\/-\/a\.jpg\/[0-9a-f]{32}$/],
    ['below another name', digest, '/media/b/a.jpg?width=9', /^\/b-a\.jpg\/[0-9a-f]{32}$/],
  ])('would lie %s', (_, transform, target, expected) => {
    expect(keyOf(plannerOf(transform), target)).toMatch(expected)
  })

  it('has its usual key in a folder of its own', () => {
    const planner = plannerOf(named, { ...files, pathPrefix: 'results' })
    expect(keyOf(planner, '/media/a.jpg?width=9')).toBe('/a.jpg')
  })
})
