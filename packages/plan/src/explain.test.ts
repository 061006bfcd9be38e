import { loadConfig } from '@mortise/config'
import { describe, expect, it } from 'vitest'
import { createPlanner, type Format } from './plan.ts'

const storages = 'storages: {basic: {kind: noop}, transform: {kind: noop}, archive: {kind: noop}}'
const path = 'path: "^/(?P<presetName>[a-z]+)/(?P<parent>.+)$", parentBucket: media'
const tokens = 'path: "^/(?P<transformations>[^/]*)/(?P<parent>.+)$", parentBucket: media'
const presets = `presets: {
  small: {quality: 75, filters: {thumbnail: {width: 100, mode: outbound}}},
  grey: {filters: {grayscale: true}},
  bare: {filters: {}},
  flat: {quality: 50, format: png, filters: {crop: {mode: outbound}}},
  odd: {filters: {thumbnail: {width: 9}, crop: {width: 5}, extract: {width: 5}, interlace: true, rotate: {angle: 0}}},
  marked: {filters: {watermark: {image: "https://a/b.png?key=secret", position: top-left, opacity: 1}}},
  wrong: {filters: {blur: {sigma: 101}}}}`.replaceAll('\n', ' ')
const { config } = loadConfig(
  `server: {plugins: {webp: ~}}
buckets:
    media: {${storages}, transform: {kind: presets, ${path}, ${presets}}}
    both: {${storages}, transform: {kind: presets-query, ${path}, parentStorage: archive, checkParent: true, ${presets}}}
    keys: {${storages}, transform: {kind: query, mortKeys: true}}
    cloud: {${storages}, transform: {kind: cloudinary, ${tokens}}}
    plain: {${storages}}`,
  { env: {}, baseDir: '/' },
)
const planner = createPlanner(config)
const explain = (target: string, accepts: Format[] = []) => planner.explain({ target, accepts })
const original = { storage: 'media/basic', bucket: 'media', key: '/a.jpg' }

describe('the explanation of', () => {
  it('a chain of presets', () => {
    const target = '/media/small/grey/a.jpg'
    expect(explain(target, ['avif', 'webp'])).toEqual({
      target,
      kind: 'derivative',
      ...{ bucket: 'media', key: '/small/grey/a.jpg', grammar: 'presets', preset: 'small' },
      parents: [
        { bucket: 'media', key: '/grey/a.jpg', grammar: 'presets', preset: 'grey' },
        { bucket: 'media', key: '/a.jpg', grammar: 'presets', preset: null },
      ],
      original,
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      passes: [['grayscale()'], ['resize(100x0 enlarge)']],
      output: { format: 'webp', quality: 75, progressive: false, metadata: 'keep' },
      derivative: { storage: 'media/transform', bucket: 'media', key: '/small/grey/a.jpgwebp' },
      resultKey: 'path',
      checkParent: false,
      negotiation: { offered: ['webp'], chosen: 'webp' },
      warnings: [],
    })
  })

  it('a preset with a secret in the URL of its watermark, which stays one', () => {
    expect(explain('/media/marked/a.jpg')).toMatchObject({ passes: [['watermark("https://a/b.png?***" at 0,0 1)']] })
  })

  it('a query, with the key of mort, and what is planned for it', () => {
    const target = '/keys/a.jpg?width=5'
    const resolution = planner.plan({ target, accepts: [] })
    if (resolution.kind !== 'derivative') throw new Error('no derivative')
    const { id, derivative } = resolution.plan
    expect(explain(target)).toMatchObject({ kind: 'derivative', resultKey: 'hashParent', preset: null, id, derivative })
  })

  it.each<[string, object]>([
    ['/', { kind: 'buckets' }],
    ['/media', { kind: 'bucket', bucket: 'media' }],
    ['/plain/a.jpg', { kind: 'object', imageOnly: false, grammar: null, preset: null, parents: [] }],
    ['/media/a.jpg', { kind: 'object', imageOnly: false, grammar: 'presets', original }],
    ['/media/bare/a.jpg', { kind: 'object', imageOnly: true, preset: 'bare', parents: [{ key: '/a.jpg' }], original }],
    ['/both/small/a.jpg', { checkParent: true, original: { storage: 'both/archive' }, derivative: { bucket: 'both' } }],
    ['http://localhost:8080/keys/a.jpg?width=5', { kind: 'derivative', bucket: 'keys', key: '/a.jpg' }],
    ['/cloud/c_fit,w_5/a.jpg', { grammar: 'cloudinary', passes: [['resize(5x0 enlarge)']], resultKey: 'path' }],
    [
      '/media/large/a.jpg',
      { error: { code: 'invalid_request', message: 'preset: expected one of this bucket, found "large"' } },
    ],
    [
      '/media/wrong/a.jpg',
      { error: { code: 'invalid_request', message: expect.stringContaining('preset wrong: blur') } },
    ],
    ['/keys/a?width=0', { error: { code: 'invalid_request', message: 'width: expected 1 to 2147483647, found 0' } }],
    ['/nowhere/a.jpg', { error: { code: 'no_such_bucket', message: 'no such bucket' } }],
    ['/media/../a', { error: { code: 'invalid_request', message: 'path: dot segment' } }],
    ['nonsense', { error: { code: 'invalid_request' } }],
  ])('%s', (target, expected) => {
    expect(explain(target)).toMatchObject({ target, warnings: [], ...expected })
  })
})

it.each(['/', '/small/a.jpg/'])('what ends with a slash is an object, and no derivative: %s', key => {
  const warnings = ['path: ends with a slash, so it is a folder, which is no object']
  const found = {
    kind: 'object',
    imageOnly: false,
    preset: null,
    parents: [],
    original: { ...original, key },
    warnings,
  }
  expect(explain(`/media${key}`)).toMatchObject(found)
})

describe('a warning', () => {
  const mark = 'image=http://a/b&position=top-left&opacity='
  it.each<[string, string[]]>([
    ['/keys/a?width=5', []],
    ['/keys/a?operation=crop&width=5&gravity=north&quality=50&format=jpg', []],
    [`/keys/a?operation=watermark&${mark}1`, []],
    ['/keys/a?v=2', ['v: no such parameter']],
    ['/keys/a?Width=5', ['Width: no such parameter']],
    ['/keys/a?toString=5', ['toString: no such parameter']],
    ['/keys/a?width=5&width=6', ['width: only the first of several counts']],
    ['/keys/a?width=5&gravity=north', ['gravity: has no effect without operation=crop']],
    ['/keys/a?grayscale=0', ['grayscale: is on whatever its value']],
    [
      '/keys/a?operation=blur&sigma=1&width=5',
      ['width: has no effect without operation=resize or crop or resizeCropAuto'],
    ],
    ['/keys/a?operation=sparkle&operation=crop&width=5', ['operation: there is no sparkle']],
    ['/keys/a?operation=crop&width=5&height=tall', ['height: counts as 0, being no number']],
    ['/keys/a?operation=crop&width=5&embed=1', ['embed: has no effect, as in mort']],
    [
      `/keys/a?${mark}1`,
      ['image', 'position', 'opacity'].map(name => `${name}: has no effect without operation=watermark`),
    ],
    [`/keys/a?operation=watermark&${mark}0`, ['opacity: 0 is opaque, as in mort']],
    ['/keys/a?operation=crop', ['crop: has no effect without width or height']],
    ['/keys/a?operation=resizeCropAuto', ['resizeCropAuto: has no effect without width or height']],
    [
      '/keys/a?operation=extract&width=5',
      [
        'width: has no effect without operation=resize or crop or resizeCropAuto',
        'extract: has no effect without areaWith or areaHeight',
      ],
    ],
    ['/keys/a?operation=resize&operation=crop&width=5', ['resize: has no effect, crop comes in its place']],
    ['/keys/a?operation=blur&sigma=0.1', ['blur: has no effect below a sigma of 0.3']],
    ['/keys/a?operation=blur&sigma=1&minAmpl=2', ['minAmpl: has no effect outside of 0.001 to 1']],
    ['/keys/a?format=png&quality=50', ['quality: has no effect on png']],
    ['/plain/a?width=5', ['the query is ignored: the bucket has no transform']],
    ['/media/small/a?width=5', ['the query is ignored: only the path is read']],
    ['/media/a?width=5', ['the query is ignored: only the path is read']],
    ['/both/small/a?width=5', ['the query is ignored: the path names the preset small']],
    [
      '/both/large/a?width=5',
      ['the query is read instead of the path: preset: expected one of this bucket, found "large"'],
    ],
    ['/cloud/c_fit,w_5,l_logo/a?width=5', ['the query is ignored: only the path is read', 'l_logo: no such token']],
    ['/media/flat/a', ['crop: has no effect without width or height', 'quality: has no effect on png']],
    [
      '/media/odd/a',
      [
        'resize: has no effect, crop comes in its place',
        'extract: has no effect, crop comes in its place',
        'rotate: 0 turns nothing',
      ],
    ],
    ['/keys/a?width=0&v=1', []],
  ])('for %s: %j', (target, warnings) => {
    expect(explain(target).warnings).toEqual(warnings)
  })

  it.each<[string, string[]]>([
    ['/keys/a?format=jpeg', ['format: jpeg is replaced by webp, which the client accepts']],
    ['/keys/a?format=webp', []],
    ['/media/odd/a', ['interlace: has no effect on webp']],
  ])('for %s, with WebP accepted: %j', (target, warnings) => {
    expect(explain(target, ['webp']).warnings).toEqual(expect.arrayContaining(warnings))
  })

  it('is one of fifty at most, and short', () => {
    const many = Array.from({ length: 100 }, (_, i) => `${i}${'p'.repeat(1000)}=1`)
    const { warnings } = explain(`/keys/a?${many.join('&')}`)
    expect([warnings.length, Math.max(...warnings.map(text => text.length))]).toEqual([50, 201])
  })
})
