import type { Step } from '@mortise/operations'
import sharp from 'sharp'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { alphaPng, type Original, photo, photoPng, truncated } from '../../../test/fixtures/images.ts'
import { anOutput, blur, crop, extract, limits, renderWith, resize, watermark } from '../../../test/fixtures/renders.ts'
import { createImagePool, type ImagePool, type ImagePoolOptions, type RenderAllRequest } from './image.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const open: ImagePool[] = []
function openPool(options: Partial<ImagePoolOptions> = {}): ImagePool {
  const pool = createImagePool({ threads: 1, limits, ...options })
  open.push(pool)
  return pool
}
afterEach(async () => {
  await Promise.all(open.splice(0).map(pool => pool.close()))
})

const until = (condition: () => void) => vi.waitFor(condition, { timeout: 15_000, interval: 1 })
const idle = { running: 0, waiting: 0, memory: 0, background: { running: 0, waiting: 0 } }
const mark = 'https://example.org/mark.png'
const original = await photoPng(900, 600)
/** Made of one level. */
const sizes = [resize(300), resize(200), resize(100)].map(step => [step])

type Wish = Partial<Omit<RenderAllRequest, 'variants'>> & { files?: ReadonlyMap<string, Uint8Array> }

/** Renders of a copy, each told as its width or the code of its error, in order. */
async function renderAll(pool: ImagePool, bytes: Original, chains: Step[][], wish: Wish = {}) {
  const told: (number | string)[] = []
  const { files: overlays = new Map(), signal = new AbortController().signal, onEnd } = wish
  await pool.renderAll({
    bytes: bytes.slice(),
    variants: chains.map(steps => ({ passes: [steps], output: anOutput, overlays })),
    signal,
    async onEnd(index, result) {
      told[index] = result.ok ? result.rendered.width : codeOf(result.error)
      await onEnd?.(index, result)
    },
  })
  return told
}

const codeOf = (error: unknown) => (error as { code: string }).code

describe('several derivatives of one original', () => {
  it('are all made, from a level or from the original', async () => {
    const pool = openPool()
    const steps = [...sizes, [resize(800)], [crop(80, 80, 'smart')], [blur(1)]]
    expect(await renderAll(pool, original, steps)).toEqual([300, 200, 100, 800, 80, 900])
    await until(() => expect(pool.stats()).toMatchObject(idle))
  })

  it('take the bytes of the original away', async () => {
    const bytes = original.slice()
    const variants = [{ passes: [], output: anOutput }]
    await openPool().renderAll({ bytes, variants, signal: new AbortController().signal, async onEnd() {} })
    expect(bytes.byteLength).toBe(0)
  })

  it('none: nothing happens', async () => {
    expect(await renderAll(openPool(), original, [])).toEqual([])
  })

  it('are begun one after the other, when the one before has been taken', async () => {
    const pool = openPool({ threads: 2 })
    const running: number[] = []
    await renderAll(pool, original, sizes, {
      async onEnd() {
        await new Promise(resolve => setImmediate(resolve))
        running.push(pool.stats().running)
      },
    })
    expect(running).toEqual([0, 0, 0])
  })

  it('fail each by itself, when steps or overlays are wrong', async () => {
    const steps = [
      [resize(300)],
      [resize(200), extract(0, 0, 500, 1)],
      [resize(150), watermark(mark)],
      [resize(40_000)],
      [resize(100)],
    ]
    const files = new Map([[mark, (await alphaPng(300, 200)).slice(0, 200)]])
    const told = await renderAll(openPool(), original, steps, { files })
    expect(told).toEqual([300, 'invalid_request', 'undecodable', 'limit_exceeded', 100])
  })

  it.each<[string, () => Promise<Original>]>([
    ['ends too soon', () => truncated(1200, 800)],
    ['is no image', async () => new TextEncoder().encode('no image')],
  ])('all fail with one error when the original %s', async (_name, make) => {
    const errors = new Set<unknown>()
    const told = await renderAll(openPool(), await make(), [...sizes, [resize(800)]], {
      async onEnd(_index, result) {
        if (!result.ok) errors.add(result.error)
      },
    })
    expect(told).toEqual(Array(4).fill('undecodable'))
    expect(errors.size).toBe(1)
  })

  it('end with what is thrown where they are taken, and give everything back', async () => {
    const pool = openPool()
    const onEnd = () => Promise.reject(new Error('disk full'))
    await expect(renderAll(pool, original, sizes, { onEnd })).rejects.toThrow('disk full')
    await until(() => expect(pool.stats()).toMatchObject(idle))
  })

  it('are ended by who leaves, and the thread comes back when its work has ended', async () => {
    const pool = openPool()
    const leaving = new AbortController()
    const made = renderAll(pool, original, [[resize(1100), blur(30)], ...sizes], { signal: leaving.signal })
    await until(() => expect(sharp.counters().process).toBe(1))
    leaving.abort(new Error('gone'))
    await expect(made).rejects.toThrow('gone')
    expect(await renderWith(pool, original, [resize(10)])).toMatchObject({ width: 10 })
    await until(() => expect(pool.stats()).toMatchObject(idle))
  })

  it('are refused by a pool that closes, and those that have begun end at the next step', async () => {
    const pool = openPool()
    const made = renderAll(pool, original, [[resize(1100), blur(30)], ...sizes])
    const ended = expect(made).rejects.toMatchObject({ code: 'overloaded' })
    await until(() => expect(pool.stats().background.running).toBe(1))
    expect(await pool.close()).toBe(true)
    await ended
    await expect(renderAll(pool, original, sizes)).rejects.toMatchObject({ code: 'overloaded' })
    expect(pool.stats()).toMatchObject(idle)
  })
})

describe('whoever waits for one render', () => {
  it('waits for no more than the step that runs', async () => {
    const pool = openPool()
    const order: string[] = []
    const noted = async () => void order.push('background')
    const chains = [[resize(1800), blur(40)], ...sizes]
    const jpeg = await photo(900, 600)
    const background = [1, 2].map(() => renderAll(pool, jpeg, chains, { onEnd: noted }))
    await until(() => expect(pool.stats().background.running).toBe(1))
    await renderWith(pool, original, [resize(400)])
    order.push('interactive')
    await Promise.all(background)
    expect(order).toEqual(['background', 'interactive', ...Array(7).fill('background')])
  })

  it('finds a thread free that has others as well', async () => {
    const pool = openPool({ threads: 2 })
    await renderWith(pool, original, [resize(10)])
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, pool.stats().background.running)
    }, 1)
    await Promise.all([1, 2, 3].map(() => renderAll(pool, original, sizes)))
    clearInterval(watch)
    expect(most).toBe(1)
  })

  it('is given the memory of a level, and the rest is made without it', async () => {
    const large = await photo(1500, 1000)
    const needed = await memoryOf(large, [blur(1)])
    const pool = openPool({ limits: { ...limits, memory: needed } })
    let given = 0
    const told = await renderAll(pool, original, sizes, {
      async onEnd() {
        if (given++ > 0) return
        expect(pool.stats().memory).toBeGreaterThan(0)
        expect(await renderWith(pool, large, [blur(1)])).toMatchObject({ width: 1500 })
      },
    })
    expect(told).toEqual([300, 200, 100])
    await until(() => expect(pool.stats()).toMatchObject(idle))
  })
})

/** What a render takes of it, by estimate. */
async function memoryOf(bytes: Original, steps: Step[]): Promise<number> {
  const pool = openPool()
  const made = renderWith(pool, bytes, steps)
  await until(() => expect(pool.stats().memory).toBeGreaterThan(0))
  const { memory } = pool.stats()
  await made
  return memory
}

it('has nothing left after many of all kinds, with others in between', async () => {
  const pool = openPool({ threads: 2, limits: { ...limits, memory: 60_000_000 } })
  const originals = [original, await truncated(900, 600), await alphaPng(700, 500)]
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, pool.stats().memory)
  }, 1)
  const work = Array.from({ length: 40 }, async (_, i) => {
    const leaving = new AbortController()
    const bytes = originals[i % 3] ?? original
    const { signal } = leaving
    const made = i % 2 ? renderAll(pool, bytes, sizes, { signal }) : renderWith(pool, bytes, [resize(60)], { signal })
    if (i % 7 === 0) leaving.abort(new Error('gone'))
    return made
  })
  const ends = await Promise.allSettled(work)
  clearInterval(watch)
  const failed = (i: number) => i % 7 === 0 || (i % 3 === 1 && i % 2 === 0)
  expect(ends.map(({ status }) => status === 'rejected')).toEqual(ends.map((_, i) => failed(i)))
  expect(most).toBeLessThanOrEqual(60_000_000)
  await until(() => expect(pool.stats()).toMatchObject(idle))
  expect(sharp.counters()).toEqual({ queue: 0, process: 0 })
})
