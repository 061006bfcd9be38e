import { loadConfig } from '@mortise/config'
import { expect, it } from 'vitest'
import { createPlanner, describePresets } from './plan.ts'

const { config } = loadConfig(
  `buckets:
  media:
    storages: {basic: {kind: noop}, transform: {kind: noop}}
    transform:
      kind: presets
      path: "^/(?P<presetName>[a-z]+)/(?P<parent>.+)$"
      parentBucket: media
      presets:
        small: {quality: 80, format: jpg, filters: {thumbnail: {width: 320}, rotate: {angle: 90}, strip: true}}
        nothing: {filters: {}}
        bad: {format: bmp}`,
  { env: {}, baseDir: '/' },
)

it('describes presets as requests for them are planned', () => {
  const { transform } = config.buckets.media!
  const presets = describePresets(transform!)
  expect(presets.map(({ name }) => name)).toEqual(['small', 'nothing', 'bad'])
  const planner = createPlanner(config)
  for (const { name, ...described } of presets) {
    const planned = planner.explain({ target: `/media/${name}/cat.jpg`, accepts: [] })
    if ('passes' in described && described.passes.length > 0) expect(planned).toMatchObject(described)
  }
  expect(presets).toMatchObject([
    { passes: [['rotate(90)', expect.stringMatching(/^resize\(320x0/)]], output: { format: 'jpeg', quality: 80 } },
    { passes: [], output: { format: 'original', quality: null } },
    { error: { code: 'invalid_request', message: expect.stringContaining('format') } },
  ])
})
