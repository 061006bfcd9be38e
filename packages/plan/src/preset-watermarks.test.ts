import { loadConfig } from '@mortise/config'
import { expect, it } from 'vitest'
import { presetWatermarks } from './plan.ts'

it('the watermarks of presets are those of all buckets, as steps name them', () => {
  const preset = (image: string, position = 'top-left') =>
    `{filters: {watermark: {image: "${image}", position: ${position}, opacity: 1}}}`
  const bucket = (presets: string) =>
    `{storages: {basic: {kind: noop}}, transform: {kind: presets, path: "^/(?P<presetName>x)/(?P<parent>.+)$", presets: {${presets}}}}`
  const text = `buckets:
  one: ${bucket(`a: ${preset('HTTPS://A/b.png#c')}, b: ${preset('/mark.svg')}, c: {filters: {grayscale: true}}`)}
  two: ${bucket(`a: ${preset('https://a/b.png')}, b: ${preset('/other.svg', 'nowhere')}`)}
  three: {storages: {basic: {kind: noop}}}`
  const { config } = loadConfig(text, { env: {}, baseDir: '/' })
  expect([...presetWatermarks(config)]).toEqual(['https://a/b.png', 'file:/mark.svg'])
})
