import { fileURLToPath } from 'node:url'
import { type Config, loadConfig } from '@mortise/config'
import { describe, expect, it } from 'vitest'
import { createPlanner, createTraces, type Format, type Location, loadScripts } from './plan.ts'

const script = fileURLToPath(new URL('../fixtures/size.js', import.meta.url))
const s3 = (more: object = {}) => ({ kind: 's3', endpoint: 'http://s3', accessKey: 'a', secretAccessKey: 'b', ...more })
const files = (more: object = {}) => ({ kind: 'local', rootPath: '/data', ...more })
const apart = { basic: s3(), transform: s3({ pathPrefix: 'made' }) }
const together = { basic: s3(), transform: s3() }
const preset = { quality: 75, filters: { thumbnail: { width: 100 } } }
const byName = {
  kind: 'presets-query',
  resultKey: 'path',
  path: '^/(?P<presetName>small|large)/(?P<parent>.+)$',
  parentBucket: 'media',
  presets: { small: preset, large: { ...preset, quality: 70 } },
}
const byTokens = { kind: 'cloudinary', path: '^/(?P<transformations>c_[^/]*)/(?P<parent>.+)$', parentBucket: 'media' }
const at = (key: string, storage = 'media/basic', bucket = 'media'): Location => ({ storage, bucket, key })

function configOf(buckets: Record<string, object>): Config {
  const file = { server: { plugins: { webp: null } }, buckets }
  return loadConfig(JSON.stringify(file), { env: {}, baseDir: '/' }).config
}

describe('derivatives of an original are found', () => {
  const variants: [string, Record<string, object>, string][] = [
    ['under digests', { media: { storages: apart, transform: { kind: 'query' } } }, '/media/trip/a.jpg?width=5'],
    [
      "under mort's hashParent",
      { media: { storages: apart, transform: { kind: 'query', mortKeys: true } } },
      '/media/trip/a.jpg?width=5',
    ],
    [
      "under mort's hash",
      { media: { storages: apart, transform: { ...byName, mortKeys: true, resultKey: 'hash' } } },
      '/media/trip/a.jpg?width=5',
    ],
    ['under paths', { media: { storages: apart, transform: byName } }, '/media/small/trip/a.jpg'],
    [
      'of parameters under paths',
      { media: { storages: apart, transform: { kind: 'query', resultKey: 'path' } } },
      '/media/trip/a.jpg?width=5',
    ],
    ['of a preset of a preset', { media: { storages: apart, transform: byName } }, '/media/small/large/trip/a.jpg'],
    ['of Cloudinary', { media: { storages: apart, transform: byTokens } }, '/media/c_fill,w_5,h_5/trip/a.jpg'],
    [
      'of a script',
      { plain: { storages: apart }, media: { storages: apart, transform: { kind: 'script', scriptPath: script } } },
      '/media/trip/a.jpg?size=5',
    ],
    [
      'in one place with it, under digests',
      { media: { storages: together, transform: { kind: 'query' } } },
      '/media/trip/a.jpg?width=5',
    ],
    [
      'in one place with it, under a path that is its own',
      { media: { storages: together, transform: { kind: 'query', resultKey: 'path' } } },
      '/media/trip/a.jpg?width=5',
    ],
    [
      'in one folder with it',
      { media: { storages: { basic: files(), transform: files() }, transform: { kind: 'query' } } },
      '/media/a.jpg?width=5',
    ],
    [
      'in a bucket of derivatives',
      {
        media: { storages: apart },
        thumbs: { storages: { basic: s3(), transform: s3({ bucket: 'made' }) }, transform: byName },
      },
      '/thumbs/trip/a.jpg?width=5',
    ],
    [
      'in a bucket of derivatives of derivatives',
      {
        media: { storages: apart },
        thumbs: { storages: apart, transform: byName },
        tiny: {
          storages: { basic: s3(), transform: s3({ bucket: 'made' }) },
          transform: { ...byTokens, parentBucket: 'thumbs' },
        },
      },
      '/tiny/c_fill,w_5,h_5/small/trip/a.jpg',
    ],
    [
      'in a bucket where it has a shorter name',
      {
        media: { storages: apart },
        trips: {
          storages: { basic: s3({ bucket: 'media', pathPrefix: 'trip' }), transform: s3() },
          transform: { kind: 'query' },
        },
      },
      '/trips/a.jpg?width=5',
    ],
    [
      'whose name is long',
      {
        media: {
          storages: { basic: s3(), transform: files({ kind: 'local-meta' }) },
          transform: { kind: 'query', mortKeys: true },
        },
      },
      `/media/${'trip/'.repeat(60)}a.jpg?width=5`,
    ],
  ]
  it.each(variants)('%s', async (_, buckets, target) => {
    const config = configOf(buckets)
    const planner = createPlanner(config, await loadScripts(config))
    const traceOf = createTraces(config)
    for (const accepts of [[], ['webp']] as Format[][]) {
      const resolution = planner.plan({ target, accepts })
      if (resolution.kind !== 'derivative') throw new Error('no derivative')
      const { original, derivative } = resolution.plan
      const { storage, bucket, key } = original
      const written = storage === 'trips/basic' ? at(`/trip${key}`) : at(key, `${bucket}/basic`, bucket)
      const places = planner.derivativesOf(written).filter(({ storage }) => storage === derivative.storage)
      expect(places).toHaveLength(1)
      const [{ prefixes, traces }] = places as [(typeof places)[0]]
      const trace = traceOf(resolution.plan, 'v1')
      if (trace === null) expect(prefixes.some(prefix => derivative.key.startsWith(prefix))).toBe(true)
      else expect(trace.startsWith(traces ?? 'none')).toBe(true)
    }
  })
})

describe('where the derivatives of an original are', () => {
  const of = (buckets: Record<string, object>, object: Location) =>
    createPlanner(configOf(buckets)).derivativesOf(object)

  it('is one folder, as a rule', () => {
    expect(of({ media: { storages: apart, transform: { kind: 'query' } } }, at('/trip/a.jpg'))).toEqual([
      {
        storage: 'media/transform',
        bucket: 'media',
        prefixes: ['/trip-a.jpg/'],
        keys: [],
        traces: null,
        shared: false,
      },
    ])
  })

  it('is known for presets under paths, also of what mort has stored', () => {
    const [found] = of({ media: { storages: apart, transform: byName } }, at('/a.jpg'))
    expect(found?.keys.toSorted()).toEqual(
      ['/a.jpg', '/a.jpgwebp', '/large/a.jpg', '/large/a.jpgwebp', '/small/a.jpg', '/small/a.jpgwebp'].toSorted(),
    )
    expect(found?.traces).toMatch(/^\/\.mortise\/made\/[0-9a-f]{32}\/$/)
  })

  it('is never where the original itself is', () => {
    const [found] = of({ media: { storages: together, transform: { kind: 'query', resultKey: 'path' } } }, at('/a.jpg'))
    expect(found?.keys).not.toContain('/a.jpg')
    expect(found?.shared).toBe(true)
  })

  it.each([
    ['the storage of originals', together, true],
    ['a folder in it', apart, false],
    ['a folder around it', { basic: s3({ pathPrefix: 'originals' }), transform: s3() }, true],
    ['another container', { basic: s3(), transform: s3({ bucket: 'made' }) }, false],
    ['another service', { basic: s3(), transform: s3({ endpoint: 'http://other' }) }, false],
  ])('may hold originals when it is %s', (_, storages, shared) => {
    expect(of({ media: { storages, transform: { kind: 'query' } } }, at('/a.jpg'))[0]?.shared).toBe(shared)
  })

  it('may hold originals of another bucket', () => {
    const buckets = {
      media: { storages: { basic: s3(), transform: s3({ bucket: 'other' }) }, transform: { kind: 'query' } },
      other: { storages: { basic: s3() } },
    }
    expect(of(buckets, at('/a.jpg'))[0]?.shared).toBe(true)
  })

  it('is told by traces among plain files that may be originals', () => {
    const storages = { basic: files(), transform: files() }
    const [found] = of({ media: { storages, transform: { kind: 'query' } } }, at('/a.jpg'))
    expect(found).toMatchObject({ prefixes: [], shared: true })
    expect(found?.traces).not.toBeNull()
  })

  it('is nowhere for objects of which nothing is made', () => {
    const buckets = { media: { storages: apart, transform: { kind: 'query' } }, plain: { storages: apart } }
    expect(of(buckets, at('/a.jpg', 'plain/basic', 'plain'))).toEqual([])
    expect(of(buckets, at('/trip//a.jpg'))).toEqual([])
    expect(of(buckets, at('/trip/'))).toEqual([])
  })
})

it('a derivative that is made again of another version leaves another trace', () => {
  const config = configOf({ media: { storages: apart, transform: byName } })
  const resolution = createPlanner(config).plan({ target: '/media/small/a.jpg', accepts: [] })
  if (resolution.kind !== 'derivative') throw new Error('no derivative')
  const traceOf = createTraces(config)
  const [one, same, other] = ['v1', 'v1', 'v2'].map(version => traceOf(resolution.plan, version))
  expect(one).toBe(same)
  expect(one).not.toBe(other)
})
