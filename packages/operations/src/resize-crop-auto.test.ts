import sharp from 'sharp'
import { expect, it } from 'vitest'
import { operations } from './operations.ts'

/** A picture whose red and green tell in px where a pixel was: to read one is to know what was taken. */
function places(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)]
    return [x, y, 0][at % 3] ?? 0
  })
  return sharp(data, { raw: { width, height, channels: 3 } })
}

it.each<[string, [number, number], [number, number], { left: number; right: number; top: number; bottom: number }]>([
  // 3 goes in 10 three times, 2 in 8 four times: 10 x 6 with a fifth of the other 2 above, here times 20.
  ['the full width and some of the height', [200, 160], [60, 40], { left: 0, right: 200, top: 8, bottom: 128 }],
  ['some of the width and the full height', [200, 80], [40, 40], { left: 60, right: 140, top: 0, bottom: 80 }],
  ['a part again where sides go in equally often', [200, 190], [90, 80], { left: 10, right: 190, top: 0, bottom: 190 }],
  ['the centre of all of a small image', [100, 200], [120, 120], { left: 0, right: 100, top: 50, bottom: 150 }],
])('resizeCropAuto takes %s', async (_name, [width, height], [w, h], taken) => {
  const image = places(width, height)
  operations.resizeCropAuto.apply(image, { width: w, height: h }, { width, height, pages: 1 }, new Map())
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true })
  expect([info.width, info.height]).toEqual([w, h])
  const [first, last] = [data.subarray(0, 2), data.subarray(data.length - 3, data.length - 1)]
  // Each pixel is the mean of several, so the outer ones lie a little inside.
  const found = { left: first[0]!, right: last[0]! + 1, top: first[1]!, bottom: last[1]! + 1 }
  const cover = covered(taken, w, h)
  for (const side of ['left', 'right', 'top', 'bottom'] as const) {
    expect(Math.abs(found[side] - cover[side])).toBeLessThanOrEqual(3)
  }
})

/** What is left of an area when w x h is covered around its centre. */
function covered(area: { left: number; right: number; top: number; bottom: number }, w: number, h: number) {
  const [width, height] = [area.right - area.left, area.bottom - area.top]
  const scale = Math.max(w / width, h / height)
  const [across, down] = [(width - w / scale) / 2, (height - h / scale) / 2]
  return { left: area.left + across, right: area.right - across, top: area.top + down, bottom: area.bottom - down }
}
