import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { operations } from './operations.ts'
import type { pad } from './pad.ts'

type Gravity = Parameters<typeof pad.print>[0]['gravity']

const blue = sharp({ create: { width: 20, height: 10, channels: 3, background: '#0000ff' } })
  .png()
  .toBuffer()
const half = sharp({ create: { width: 20, height: 10, channels: 4, background: '#0000ff80' } })
  .png()
  .toBuffer()

/** The pixels of 40 x 40 after padding, read at places. */
async function padded(original: Buffer, gravity: Gravity, background: string) {
  const args = { width: 40, height: 40, gravity, background }
  const image = operations.pad.apply(sharp(original), args, { width: 20, height: 10, pages: 1 }, new Map())
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true })
  const at = (x: number, y: number) => [
    ...data.subarray((y * info.width + x) * info.channels).subarray(0, info.channels),
  ]
  return { at, info }
}

const red = [255, 0, 0]
const here = [0, 0, 255]

describe('pad', () => {
  it.each<[Gravity, number[][]]>([
    ['center', [red, here, here, red]],
    ['north', [here, here, red, red]],
    ['northwest', [here, here, red, red]],
    ['south', [red, red, here, here]],
    ['southeast', [red, red, here, here]],
  ])('puts the whole image at %s, and the colour around it', async (gravity, rows) => {
    const { at, info } = await padded(await blue, gravity, '#ff0000ff')
    expect([info.width, info.height, info.channels]).toEqual([40, 40, 3])
    expect([5, 15, 25, 35].map(y => at(20, y))).toEqual(rows)
  })

  it('can be transparent where the image is not', async () => {
    const { at, info } = await padded(await blue, 'center', '#00000000')
    expect(info.channels).toBe(4)
    expect([at(20, 5), at(20, 20)]).toEqual([
      [0, 0, 0, 0],
      [0, 0, 255, 255],
    ])
  })

  it('leaves what is transparent in the image as it is', async () => {
    const { at } = await padded(await half, 'center', '#ff0000ff')
    expect([at(20, 5), at(20, 20)]).toEqual([
      [255, 0, 0, 255],
      [0, 0, 255, 128],
    ])
  })

  it('pads grey with grey', async () => {
    const grey = await sharp(await blue)
      .toColourspace('b-w')
      .png()
      .toBuffer()
    const { at } = await padded(grey, 'center', '#808080ff')
    expect(new Set(at(20, 5))).toEqual(new Set([128]))
  })
})
