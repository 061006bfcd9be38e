import { createImagePool } from '@mortise/image'
import { afterAll, describe, expect, it } from 'vitest'
import { alphaPng, animation, photo } from '../fixtures/images.ts'
import { limits, renderWith } from '../fixtures/renders.ts'
import { aMark, sizes } from './sizes.ts'

const pool = createImagePool({ threads: 2, limits })
afterAll(() => pool.close())
const overlays = new Map([[aMark, await alphaPng(20, 10)]])

describe('the size that comes out', () => {
  it.each(sizes)('%s', async (_name, [width, height], step, to) => {
    const made = await renderWith(pool, await photo(width, height), [step], { overlays })
    expect([made.width, made.height]).toEqual(to)
  })

  it.each(sizes.filter(([, [width]]) => width <= 100))(
    '%s, in an animation',
    async (_name, [width, height], step, to) => {
      const made = await renderWith(pool, await animation('gif', width, height), [step], { overlays })
      expect([made.width, made.height]).toEqual(to)
    },
  )
})
