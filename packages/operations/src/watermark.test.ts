import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { type Overlay, operations } from './operations.ts'

const name = 'https://example.org/mark.png'
const red = [255, 0, 0, 255]
const clear = [0, 0, 0, 0]

/** All of one colour, or a first column of one and the rest of another. */
function overlayOf(width: number, height: number, first: number[], rest = first): Overlay {
  const pixels = Uint8Array.from({ length: width * height * 4 }, (_, at) => {
    const colour = Math.floor(at / 4) % width === 0 ? first : rest
    return colour[at % 4] ?? 0
  })
  return { width, height, pixels }
}

type Place = { column: 0 | 1 | 2; row: 0 | 1 | 2 }

/** The pixels of a base of 30 x 12, blue unless it is given, after a watermark of `overlay`. */
async function marked(overlay: Overlay, { column, row }: Place, opacity = 1, background = '#0000ff') {
  const channels = background.length > 7 ? 4 : 3
  const image = sharp({ create: { width: 30, height: 12, channels, background } })
  const args = { image: name, column, row, opacity }
  operations.watermark.apply(image, args, { width: 30, height: 12, pages: 1 }, new Map([[name, overlay]]))
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true })
  return (x: number, y: number) => [...data.subarray((y * info.width + x) * 4).subarray(0, 4)]
}

const blue = [0, 0, 255, 255]

describe('a watermark', () => {
  const places = ([0, 1, 2] as const).flatMap(row => ([0, 1, 2] as const).map(column => ({ column, row })))

  it.each(places)('begins at the third that is asked for: %j', async place => {
    const at = await marked(overlayOf(3, 2, red), place)
    const [left, top] = [place.column * 10, place.row * 4]
    expect([at(left, top), at(left + 2, top + 1)]).toEqual([red, red])
    expect([at((left + 29) % 30, top), at(left + 3, top), at(left, (top + 11) % 12), at(left, top + 2)]).toEqual([
      blue,
      blue,
      blue,
      blue,
    ])
  })

  it('is cut off at the right and below, and shows its top left', async () => {
    const green = [0, 255, 0, 255]
    const at = await marked(overlayOf(500, 400, red, green), { column: 2, row: 1 })
    expect([at(19, 5), at(20, 3), at(20, 4), at(21, 4), at(29, 11)]).toEqual([blue, blue, red, green, green])
  })

  it('lets through what its alpha and the opacity leave', async () => {
    const halfRed = [255, 0, 0, 128]
    const at = await marked(overlayOf(3, 3, halfRed), { column: 0, row: 0 }, 0.5)
    expect(at(0, 0)).toEqual([64, 0, 191, 255])
  })

  it('changes nothing where it is transparent', async () => {
    const at = await marked(overlayOf(3, 3, red, clear), { column: 0, row: 0 })
    expect([at(0, 0), at(1, 1)]).toEqual([red, blue])
  })

  it('is as opaque as itself on what is transparent, and no darker', async () => {
    const at = await marked(overlayOf(3, 3, red), { column: 0, row: 0 }, 0.5, '#0000ff00')
    expect([at(0, 0), at(5, 5)[3]]).toEqual([[255, 0, 0, 128], 0])
  })

  it('leaves the overlay as it came, for the next one who uses it', async () => {
    const overlay = overlayOf(3, 3, red)
    await marked(overlay, { column: 0, row: 0 }, 0.1)
    expect(overlay).toEqual(overlayOf(3, 3, red))
  })
})
