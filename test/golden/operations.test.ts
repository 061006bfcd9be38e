import { loadConfig } from '@mortise/config'
import { createImagePool } from '@mortise/image'
import { createPlanner, type Plan, type Planner } from '@mortise/plan'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { limits } from '../fixtures/renders.ts'
import { distance } from './distance.ts'
import { expectedPicture } from './pictures.ts'
import * as requests from './requests.ts'
import { drawMark, drawScene } from './scene.ts'

const { mark } = requests
const pool = createImagePool({ threads: 2, limits: { ...limits, outputSide: 100_000 } })
afterAll(() => pool.close())

const file = (presets: string, compat = '') => `
buckets:
  golden:
    storages: {basic: {kind: noop}, transform: {kind: noop}}
    transform:
      kind: presets-query
      path: "^/(?P<presetName>asked|turned|gray|small)/(?P<parent>.+)$"
      compat: [${compat}]
      presets: {${presets}}`
const plannerWith = (presets: string, compat?: string) =>
  createPlanner(loadConfig(file(presets, compat), { env: {}, baseDir: '/' }).config)

const chains = plannerWith(
  [
    'turned: {filters: {rotate: {angle: 90}, thumbnail: {width: 120}}}',
    'gray: {filters: {grayscale: true}}',
    'small: {filters: {thumbnail: {width: 150}}}',
  ].join(', '),
)
const overlays = new Map([[mark, await drawMark()]])
const scenes = new Map<string, ReturnType<typeof drawScene>>()

function planOf(from: string, asked: string, compat?: string): Plan {
  if (asked.startsWith('?')) return planFrom(plannerWith('', compat), `/golden/${from}${asked}`)
  return planFrom(plannerWith(`asked: ${asked}`, compat), `/golden/asked/golden/${from}`)
}

function planFrom(planner: Planner, target: string): Plan {
  const resolution = planner.plan({ target, accepts: [] })
  if (resolution.kind !== 'derivative') throw new Error(`${target} is no derivative`)
  return resolution.plan
}

async function make({ original, passes, output }: Plan) {
  const name = original.key.slice(1)
  const scene = scenes.get(name) ?? drawScene(name)
  scenes.set(name, scene)
  const { signal } = new AbortController()
  return pool.render({ bytes: new Uint8Array(await scene), passes, output, overlays, signal })
}

const ask = async (from: string, asked: string, compat?: string) => make(planOf(from, asked, compat))

function testRows(name: string, rows: requests.Row[], compat?: string) {
  describe(name, () => {
    it.each(rows)('%s', async (_name, from, asked, size, picture) => {
      const { bytes, width, height } = await ask(from, asked, compat)
      expect([width, height]).toEqual(size)
      const metadata = await sharp(bytes).metadata()
      expect([metadata.width, metadata.height, metadata.orientation ?? 1]).toEqual([...size, 1])
      if (picture) expect(await distance(bytes, await expectedPicture(picture, bytes))).toBeLessThan(3)
    })
  })
}

testRows('resize', requests.resizes)
testRows('resize by whole quotients', requests.wholeQuotients, 'integer-ratio')
testRows('crop', requests.crops)
testRows('extract takes', requests.extracts)
testRows('resizeCropAuto takes', requests.autoCrops)
testRows('an image is turned', requests.turns)
testRows('the look of', requests.looks)
testRows('a watermark', requests.watermarks)
testRows('a watermark in mort’s place', requests.oldPlaces, 'watermark-position')

describe('a request is refused for', () => {
  it.each(requests.refusals)('%s', async (_name, from, asked, code) => {
    await expect(ask(from, asked)).rejects.toMatchObject({ code })
  })
})

describe('a chain', () => {
  it('turns once for EXIF and once for itself', async () => {
    const { bytes } = await make(planFrom(chains, '/golden/turned/golden/small/golden/1000x800-6.jpg'))
    expect(await distance(bytes, await expectedPicture('turned-90', bytes))).toBeLessThan(3)
  })

  it('does all that its parts say, in their order', async () => {
    const { bytes, width, height } = await make(
      planFrom(chains, '/golden/gray/golden/turned/golden/1000x800.jpg?ignored'),
    )
    expect([width, height]).toEqual([120, 150])
    expect((await sharp(bytes).metadata()).channels).toBe(1)
  })
})

describe('the encoding', () => {
  const metadataOf = async (from: string, asked: string) => sharp((await ask(from, asked)).bytes).metadata()

  it.each(['jpeg', 'webp', 'avif'])(
    'of %s is smaller with less quality, and 75 or its own default between',
    async format => {
      const size = async (quality: string) =>
        (await ask('1000x800.jpg', `?width=300&format=${format}${quality}`)).bytes.length
      const sizes = [await size('&quality=10'), await size(''), await size('&quality=95')]
      expect(sizes).toEqual(sizes.toSorted((a, b) => a - b))
      expect(new Set(sizes).size).toBe(3)
    },
  )

  it.each(['jpeg', 'webp'])('of %s has a quality of 75 without one', async format => {
    const [without, with75] = await Promise.all(
      ['', '&quality=75'].map(quality => ask('1000x800.jpg', `?width=150&format=${format}${quality}`)),
    )
    expect(without!.etag).toBe(with75!.etag)
  })

  it('of PNG has no quality', () => {
    expect(planOf('150x120.png', '?format=png&quality=9').id).toBe(planOf('150x120.png', '?format=png').id)
  })

  it.each(['jpeg', 'png'])('of %s is progressive when it is asked for', async format => {
    const preset = (more: string) => `{format: ${format}, filters: {thumbnail: {width: 150}${more}}}`
    expect((await metadataOf('1000x800.jpg', preset(', interlace: true'))).isProgressive).toBe(true)
    expect((await metadataOf('1000x800.jpg', preset(''))).isProgressive).toBe(false)
  })

  it('loses all metadata when it is stripped', async () => {
    const { exif, icc, xmp, iptc } = await metadataOf(
      '1000x800-6.jpg',
      '{filters: {thumbnail: {width: 150}, strip: true}}',
    )
    expect([exif, icc, xmp, iptc]).toEqual([undefined, undefined, undefined, undefined])
  })

  it('keeps EXIF and profile otherwise, but for the orientation, which was obeyed', async () => {
    const { exif, icc, orientation } = await metadataOf('1000x800-6.jpg', '{filters: {thumbnail: {width: 150}}}')
    expect(exif?.toString('latin1')).toContain('Mortise')
    expect(icc).toBeDefined()
    expect(orientation).toBe(1)
  })

  it('of a set with resizeCropAuto has the quality and the order of the set', async () => {
    const preset = (quality: number) =>
      `{quality: ${quality}, format: jpeg, filters: {resizeCropAuto: {width: 150, height: 100}, interlace: true}}`
    const [low, high] = await Promise.all([10, 95].map(quality => ask('1000x800.jpg', preset(quality))))
    expect(low!.bytes.length).toBeLessThan(high!.bytes.length)
    expect((await sharp(low!.bytes).metadata()).isProgressive).toBe(true)
  })

  it('of a watermark on an opaque image has no alpha', async () => {
    expect((await metadataOf('180x120.png', requests.watermarks[0]![2])).hasAlpha).toBe(false)
  })
})
