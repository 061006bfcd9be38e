import { loadConfig } from '@mortise/config'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPlanner, type Format, groupByOriginal, type Location, type Planner, type Wanted } from './plan.ts'

const preset = (width: number, more: object = {}) => ({ quality: 75, filters: { thumbnail: { width } }, ...more })
const presets = {
  small: preset(100),
  large: preset(900),
  png: preset(50, { format: 'png' }),
  broken: { format: 'bmp' },
}
const path = '^/(?P<presetName>small|large|png|broken|p+x*)/(?P<parent>.+)$'
const byName = { kind: 'presets', path, presets }
const s3 = (more: object = {}) => ({ kind: 's3', endpoint: 'http://s3', accessKey: 'a', secretAccessKey: 'b', ...more })
const own = { basic: s3(), transform: s3({ pathPrefix: 'made' }) }
const ofMedia = { basic: s3(), transform: s3() }

/** A planner of these buckets, and of `media`, which has no derivatives itself. */
function plannerOf(buckets: Record<string, object>, plugins: object = {}): Planner {
  const file = { server: { plugins }, buckets: { media: { storages: own }, ...buckets } }
  return createPlanner(loadConfig(JSON.stringify(file), { env: {}, baseDir: '/' }).config)
}

const at = (key: string, bucket = 'media'): Location => ({ storage: `${bucket}/basic`, bucket, key })

/** As a client would get them. */
function plansOf(planner: Planner, ...requests: [target: string, accepts?: Format[]][]) {
  return requests.map(([target, accepts = []]) => {
    const resolution = planner.plan({ target, accepts })
    return resolution.kind === 'derivative' ? resolution.plan : resolution
  })
}

describe('the plans of an original', () => {
  const webp = { webp: null }
  const pregenerate = { presets: ['small', 'large'], formats: ['webp'] }

  it('are those of its own bucket', () => {
    const planner = plannerOf(
      { media: { storages: own, transform: { ...byName, parentBucket: 'media' }, pregenerate } },
      webp,
    )
    expect(planner.pregenerated(at('/trip/a b.jpg'))).toEqual(
      plansOf(
        planner,
        ['/media/small/trip/a%20b.jpg'],
        ['/media/small/trip/a%20b.jpg', ['webp']],
        ['/media/large/trip/a%20b.jpg'],
        ['/media/large/trip/a%20b.jpg', ['webp']],
      ),
    )
  })

  it('are those of the buckets whose parents it belongs to, in which it has other names', () => {
    const prefixed = { basic: s3({ bucket: 'media', pathPrefix: 'trip' }), transform: s3() }
    const planner = plannerOf({
      thumbs: {
        storages: ofMedia,
        transform: { ...byName, parentBucket: 'media' },
        pregenerate: { presets: ['small'] },
      },
      trips: {
        storages: prefixed,
        transform: { ...byName, parentBucket: 'media' },
        pregenerate: { presets: ['small'] },
      },
      others: {
        storages: ofMedia,
        transform: { ...byName, parentBucket: 'thumbs' },
        pregenerate: { presets: ['small'] },
      },
    })
    const plans = planner.pregenerated(at('/trip/a.jpg'))
    expect(plans).toEqual(plansOf(planner, ['/thumbs/small/trip/a.jpg'], ['/trips/small/a.jpg']))
    expect(groupByOriginal(plans).map(({ original, plans }) => [original, plans.length])).toEqual([
      [{ storage: 'thumbs/basic', bucket: 'media', key: '/trip/a.jpg' }, 1],
      [{ storage: 'trips/basic', bucket: 'media', key: '/a.jpg' }, 1],
    ])
  })

  it('are those of URLs that name the bucket of their parent', () => {
    const planner = plannerOf({ thumbs: { storages: ofMedia, transform: byName, pregenerate: { presets: ['small'] } } })
    expect(planner.pregenerated(at('/a.jpg'))).toEqual(plansOf(planner, ['/thumbs/small/media/a.jpg']))
  })

  it.each([
    ['base64', { kind: 'base64_presets' }, '/thumbs/small/dHJpcC9hLmpwZw'],
    ['a preset or parameters', { kind: 'presets-query' }, '/thumbs/small/trip/a.jpg'],
    ['the preset behind', { path: '^/(?P<parent>.+)-(?P<presetName>[a-z]+)$' }, '/thumbs/trip/a.jpg-small'],
    ['a parent with its slash', { path: '^/(?P<presetName>[a-z]+)(?P<parent>/.+)$' }, '/thumbs/small/trip/a.jpg'],
    [
      'a text that has to be there',
      { path: '^(?:/t)?/(?P<presetName>[a-z]+)(?:/?)(?P<parent>[^/].+)$' },
      '/thumbs/small/trip/a.jpg',
    ],
    ["mort's keys", { mortKeys: true, resultKey: 'hash' }, '/thumbs/small/trip/a.jpg'],
  ])('are those of URLs with %s', (_, more, target) => {
    const transform = { ...byName, parentBucket: 'media', ...more }
    const planner = plannerOf({ thumbs: { storages: ofMedia, transform, pregenerate: { presets: ['small'] } } })
    expect(planner.pregenerated(at('/trip/a.jpg'))).toEqual(plansOf(planner, [target]))
  })

  it('are one for two formats that give the same', () => {
    const transform = { ...byName, parentBucket: 'media', keepFormat: true }
    const planner = plannerOf(
      { thumbs: { storages: ofMedia, transform, pregenerate: { presets: ['png'], formats: ['webp'] } } },
      webp,
    )
    expect(planner.pregenerated(at('/a.jpg'))).toEqual(plansOf(planner, ['/thumbs/png/a.jpg']))
  })

  it('are other ones when somebody wants others', () => {
    const transform = { ...byName, parentBucket: 'media' }
    const planner = plannerOf({ thumbs: { storages: ofMedia, transform, pregenerate } }, webp)
    const wanted = (wanted: Wanted) => planner.pregenerated(at('/a.jpg'), wanted)
    expect(wanted({ presets: ['png', 'unknown', 'broken'], formats: [] })).toEqual(
      plansOf(planner, ['/thumbs/png/a.jpg']),
    )
    expect(wanted({ formats: [] })).toEqual(plansOf(planner, ['/thumbs/small/a.jpg'], ['/thumbs/large/a.jpg']))
  })

  it.each([
    ['is a folder', '/trip/'],
    ['repeats a slash, so that no URL means it', '/trip//a.jpg'],
    ['is what a URL of the bucket makes of another one', '/small/a.jpg'],
  ])('are none when its key %s', (_, key) => {
    const planner = plannerOf({
      media: { storages: own, transform: { ...byName, parentBucket: 'media' }, pregenerate: { presets: ['small'] } },
    })
    expect(planner.pregenerated(at(key))).toEqual([])
  })

  it('are none in a bucket that is not asked to', () => {
    const planner = plannerOf({ media: { storages: own, transform: { ...byName, parentBucket: 'media' } } })
    expect(planner.pregenerated(at('/a.jpg'))).toEqual([])
  })

  const segment = fc.stringMatching(/^[a-zA-Z0-9 ._~%+?#&=é<>"'-]{1,12}$/)
  it('are what a client gets, whatever the key', () => {
    const planner = plannerOf(
      { media: { storages: own, transform: { ...byName, parentBucket: 'media' }, pregenerate } },
      webp,
    )
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), segments => {
        const key = `/${segments.join('/')}`
        const target = `/media/small/${segments.map(encodeURIComponent).join('/')}`
        expect(planner.pregenerated(at(key), { presets: ['small'] })).toEqual(asClient(planner, target, key))
      }),
    )
  })

  /** None where the URL means something else than the preset of this object. */
  function asClient(planner: Planner, target: string, key: string) {
    try {
      const plans = plansOf(planner, [target], [target, ['webp']])
      return plans.every(plan => 'original' in plan && plan.original.key === key && plan.passes.length === 1)
        ? plans
        : []
    } catch {
      return []
    }
  }
})

it('plans of one original are told apart by 64', () => {
  const many = Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`p${'x'.repeat(at)}`, preset(at + 1)]))
  const planner = plannerOf({
    media: { storages: own, transform: { ...byName, parentBucket: 'media', presets: many } },
  })
  const groups = groupByOriginal(planner.pregenerated(at('/a.jpg'), { presets: Object.keys(many) }))
  expect(groups.map(({ plans }) => plans.length)).toEqual([64, 6])
})
