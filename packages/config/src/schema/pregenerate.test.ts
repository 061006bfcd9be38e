import { describe, expect, it } from 'vitest'
import { ConfigError } from '../issues.ts'
import { loadConfig } from '../load.ts'

const path = '^/(?P<presetName>[a-z]+)/(?P<parent>.+)$'
const preset = { quality: 75, filters: {} }
const storages = { basic: { kind: 'noop' }, transform: { kind: 'memory' } }
const presets = { kind: 'presets', path, parentBucket: 'media', presets: { small: preset, large: preset, x2: preset } }

const load = (bucket: object, { server = {}, ...others }: Record<string, object> = {}) =>
  loadConfig(JSON.stringify({ server, buckets: { media: { storages, transform: presets, ...bucket }, ...others } }), {
    env: {},
    baseDir: '/',
  })

function mistakesOf(...file: Parameters<typeof load>): string[] {
  try {
    load(...file)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.issues.map(({ path, message }) => `${path}: ${message}`)
  }
}

describe('derivatives that are made ahead', () => {
  it('are none unless the file names them', () => {
    expect(load({}).config.buckets.media?.pregenerate).toBeNull()
  })

  it('are those of the presets, in the formats that plugins offer', () => {
    const pregenerate = { presets: ['small', 'large'], formats: ['webp'] }
    const { config, warnings } = load({ pregenerate }, { server: { plugins: { webp: null } } })
    expect(config.buckets.media?.pregenerate).toEqual(pregenerate)
    expect(warnings).toEqual([])
  })

  it.each<[string, object, string]>([
    [
      'a preset that is not there',
      { pregenerate: { presets: ['small', 'tiny'] } },
      'buckets.media.pregenerate.presets[1]: expected the name of a preset of this bucket, found "tiny"',
    ],
    [
      'a preset twice',
      { pregenerate: { presets: ['small', 'small'] } },
      'buckets.media.pregenerate.presets[1]: expected each preset once, found small again',
    ],
    [
      'a preset that no URL names',
      { pregenerate: { presets: ['x2'] } },
      'buckets.media.pregenerate.presets[0]: expected a preset that transform.path can name, found x2',
    ],
    [
      'no preset',
      { pregenerate: { formats: [] } },
      'buckets.media.pregenerate.presets: expected the name of at least one preset, found nothing',
    ],
    [
      'a format that no plugin offers',
      { pregenerate: { presets: ['small'], formats: ['avif'] } },
      'buckets.media.pregenerate.formats[0]: expected server.plugins.avif to be there, without which nobody gets avif for accepting it',
    ],
    [
      'a format that nobody gets for accepting it',
      { pregenerate: { presets: ['small'], formats: ['jpeg'] } },
      'buckets.media.pregenerate.formats[0]: expected one of avif, webp, found the text "jpeg"',
    ],
    [
      'a grammar without presets',
      { pregenerate: { presets: ['small'] }, transform: { kind: 'query' } },
      'buckets.media.pregenerate: expected a transform of the kind presets, presets-query, base64_presets, found the kind query',
    ],
    [
      'no grammar',
      { pregenerate: { presets: ['small'] }, transform: null },
      'buckets.media.pregenerate: expected a transform of the kind presets, presets-query, base64_presets, found none',
    ],
    [
      'a path that does not say the URL',
      { pregenerate: { presets: ['small'] }, transform: { ...presets, path: `^/v[0-9]${path.slice(1)}` } },
      'buckets.media.pregenerate: expected a transform.path that says how a URL names a preset: nothing but plain text beside the groups presetName and parent',
    ],
    [
      'no storage to keep them',
      { pregenerate: { presets: ['small'] }, storages: { basic: { kind: 'noop' } } },
      'buckets.media.pregenerate: expected storages.transform, which keeps what is made',
    ],
  ])('cannot be those of %s', (_, bucket, expected) => {
    expect(mistakesOf(bucket)).toEqual([expected])
  })

  it('are 64 for one original at most, over all buckets that read it', () => {
    const many = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`p${'abcdefgh'[at % 8]}${'abcde'[at % 5]}`, preset]),
    )
    const transform = { ...presets, presets: many }
    const pregenerate = { presets: Object.keys(many) }
    expect(mistakesOf({ transform, pregenerate })).toEqual([])
    const expected =
      'expected at most 64 derivatives of one original, found 80 for those of media by the buckets media, thumbs'
    expect(mistakesOf({ transform, pregenerate }, { thumbs: { storages, transform, pregenerate } })).toEqual([
      `buckets.media.pregenerate: ${expected}`,
      `buckets.thumbs.pregenerate: ${expected}`,
    ])
  })

  it('are made in vain when nothing is kept', () => {
    const { warnings } = load({
      pregenerate: { presets: ['small'] },
      storages: { ...storages, transform: { kind: 'noop' } },
    })
    expect(warnings.map(({ path }) => path)).toEqual(['buckets.media.pregenerate'])
  })
})
