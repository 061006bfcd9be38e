import type { Step } from '@mortise/operations'
import sharp from 'sharp'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { alphaPng, animation, cmykJpeg, type Original, photo, truncated } from '../../../test/fixtures/images.ts'
import {
  anOutput,
  blur,
  crop,
  extract,
  grayscale,
  limits,
  renderWith,
  resize,
  rotate,
} from '../../../test/fixtures/renders.ts'
import { createImagePool, type ImagePool, type ImagePoolOptions } from './image.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const open: ImagePool[] = []
function openPool(options: Partial<ImagePoolOptions> = {}): ImagePool {
  const pool = createImagePool({ threads: 2, limits, ...options })
  open.push(pool)
  return pool
}
afterEach(async () => {
  await Promise.all(open.splice(0).map(pool => pool.close()))
})

const until = (condition: () => void) => vi.waitFor(condition, { timeout: 15_000, interval: 5 })
const idle = { running: 0, waiting: 0, memory: 0 }
/** Takes long enough to be met while it runs. */
const slow: Step[] = [resize(2000, 2000), blur(10)]

describe('a pool', () => {
  it('takes the bytes of the original away', async () => {
    const bytes = await photo(100, 100)
    const { signal } = new AbortController()
    await openPool().render({ bytes, passes: [], output: anOutput, signal })
    expect(bytes.byteLength).toBe(0)
  })

  it('gives bytes that own their buffer, so that they can be moved on', async () => {
    const { bytes } = await renderWith(openPool(), await photo(100, 100), [])
    expect(bytes.byteLength).toBe(bytes.buffer.byteLength)
    expect(structuredClone(bytes, { transfer: [bytes.buffer] }).byteLength).toBeGreaterThan(0)
  })

  it('never runs more renders than it has threads', async () => {
    const pool = openPool({ threads: 2 })
    const original = await photo(600, 400)
    let most = 0
    let native = 0
    const watch = setInterval(() => {
      most = Math.max(most, pool.stats().running)
      native = Math.max(native, sharp.counters().process)
    }, 1)
    await Promise.all(Array.from({ length: 40 }, (_, i) => renderWith(pool, original, [resize(300 + i), blur(4)])))
    clearInterval(watch)
    expect(most).toBe(2)
    expect(native).toBeLessThanOrEqual(2)
  })

  it('never has more memory in flight than it may, and runs what fits', async () => {
    const memory = 5_000_000
    const pool = openPool({ threads: 2, limits: { ...limits, memory } })
    const original = await photo(900, 900)
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, pool.stats().memory)
    }, 1)
    await Promise.all(Array.from({ length: 12 }, () => renderWith(pool, original, [rotate(90), resize(50)])))
    clearInterval(watch)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(memory)
    expect(pool.stats()).toMatchObject(idle)
  })

  it('has nothing left after 200 renders of all kinds', async () => {
    const pool = openPool()
    const originals: Original[] = await Promise.all([
      photo(300, 200),
      alphaPng(200, 200),
      animation('gif', 60, 40),
      cmykJpeg(60, 60),
      truncated(200, 200),
    ])
    const chains: Step[][] = [[resize(50)], [crop(40, 40, 'smart')], [rotate(90)], [extract(0, 0, 500, 1)], [grayscale]]
    const renders = Array.from({ length: 200 }, (_, i) => {
      const leaving = new AbortController()
      const made = renderWith(pool, originals[i % 5]!, chains[Math.floor(i / 5) % 5]!, {
        signal: leaving.signal,
        format: (['original', 'png', 'webp'] as const)[i % 3]!,
      })
      if (i % 7 === 0) leaving.abort(new Error('gone'))
      return made
    })
    const ends = await Promise.allSettled(renders)
    // Neither left, nor truncated, nor asked for an area that lies outside.
    const good = (i: number) => i % 7 !== 0 && i % 5 !== 4 && Math.floor(i / 5) % 5 !== 3
    expect(ends.map(end => end.status === 'fulfilled')).toEqual(ends.map((_, i) => good(i)))
    await until(() => expect(pool.stats()).toMatchObject(idle))
    expect(sharp.counters()).toEqual({ queue: 0, process: 0 })
  })
})

describe('whoever leaves', () => {
  it('before the start is told so, and nothing is taken', async () => {
    const pool = openPool()
    const bytes = await photo(100, 100)
    const signal = AbortSignal.abort(new Error('gone'))
    await expect(pool.render({ bytes, passes: [], output: anOutput, signal })).rejects.toThrow('gone')
    expect(bytes.byteLength).toBeGreaterThan(0)
    expect(pool.stats()).toMatchObject(idle)
  })

  it('while waiting for a thread frees his place in the line', async () => {
    const pool = openPool({ threads: 1 })
    const original = await photo(300, 300)
    const first = renderWith(pool, original, slow)
    await until(() => expect(pool.stats().running).toBe(1))
    const leaving = new AbortController()
    const second = renderWith(pool, original, [], { signal: leaving.signal })
    await until(() => expect(pool.stats().waiting).toBe(1))
    leaving.abort(new Error('gone'))
    await expect(second).rejects.toThrow('gone')
    expect(pool.stats()).toMatchObject({ running: 1, waiting: 0 })
    await first
    await until(() => expect(pool.stats()).toMatchObject(idle))
  })

  it('while it runs is free at once, and the slot when the work has ended', async () => {
    const pool = openPool({ threads: 1 })
    const original = await photo(300, 300)
    const leaving = new AbortController()
    const made = renderWith(pool, original, [...slow, ...slow, ...slow], { signal: leaving.signal })
    await until(() => expect(sharp.counters().process).toBe(1))
    leaving.abort(new Error('gone'))
    await expect(made).rejects.toThrow('gone')
    expect(pool.stats().running).toBe(1)
    await expect(renderWith(pool, original, [resize(10)])).resolves.toMatchObject({ width: 10 })
    await until(() => expect(pool.stats()).toMatchObject(idle))
  })
})

describe('a render that does not end', () => {
  it('is reported once, keeps its slot, and the pool takes nothing more', async () => {
    const onStuck = vi.fn()
    const pool = openPool({ threads: 1, hardLimitSeconds: 0.05, onStuck })
    const original = await photo(300, 300)
    const stuck = renderWith(pool, original, slow)
    const behind = renderWith(pool, original, [])
    await expect(stuck).rejects.toMatchObject({ code: 'timed_out' })
    await expect(behind).rejects.toMatchObject({ code: 'overloaded' })
    await expect(renderWith(pool, original, [])).rejects.toMatchObject({ code: 'overloaded' })
    expect(onStuck).toHaveBeenCalledTimes(1)
    expect(pool.stats().running).toBe(1)
    await pool.close()
    expect(pool.stats().running).toBe(1)
    await until(() => expect(sharp.counters().process).toBe(0))
  })
})

describe('a pool that closes', () => {
  it('lets what runs end, and refuses who waits and who comes', async () => {
    const pool = openPool({ threads: 1 })
    const original = await photo(300, 300)
    const first = renderWith(pool, original, slow)
    await until(() => expect(pool.stats().running).toBe(1))
    const waiting = renderWith(pool, original, [])
    waiting.catch(() => {})
    await until(() => expect(pool.stats().waiting).toBe(1))
    const closed = pool.close()
    await expect(waiting).rejects.toMatchObject({ code: 'overloaded' })
    await expect(renderWith(pool, original, [])).rejects.toMatchObject({ code: 'overloaded' })
    await expect(first).resolves.toMatchObject({ width: 2000 })
    await closed
    expect(pool.stats()).toMatchObject(idle)
    await pool.close()
  })
})
