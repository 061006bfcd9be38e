import { createImagePool } from '@mortise/image'
import { afterAll, describe, expect, it } from 'vitest'
import { animation, photo } from '../fixtures/images.ts'
import { limits, renderWith } from '../fixtures/renders.ts'
import { sizes } from './sizes.ts'

const pool = createImagePool({ threads: 2, limits })
afterAll(() => pool.close())

describe('the size that comes out', () => {
  it.each(sizes)('%s', async (_name, [width, height], step, to) => {
    const made = await renderWith(pool, await photo(width, height), [step])
    expect([made.width, made.height]).toEqual(to)
  })

  it.each(sizes.filter(([, [width]]) => width <= 100))(
    '%s, in an animation',
    async (_name, [width, height], step, to) => {
      const made = await renderWith(pool, await animation('gif', width, height), [step])
      expect([made.width, made.height]).toEqual(to)
    },
  )
})
