import type { Worker } from 'node:worker_threads'
import sharp from 'sharp'
import { expect, it, vi } from 'vitest'
import { photo } from '../../../test/fixtures/images.ts'
import { anOutput, blur, limits, renderWith, resize } from '../../../test/fixtures/renders.ts'
import { createImagePool } from './image.ts'

vi.setConfig({ testTimeout: 30_000 })

it('fails the render of a thread that ends, and renders the next when its native work is over', async () => {
  const workers: Worker[] = []
  process.on('worker', worker => workers.push(worker))
  const pool = createImagePool({ threads: 1, limits })
  const original = await photo(300, 300)
  await renderWith(pool, original, [])
  const counted = vi.waitFor(() => expect(sharp.counters().process).toBe(1), { timeout: 15_000, interval: 1 })
  const broken = renderWith(pool, original, [resize(2000, 2000), blur(10)]).catch(error => error.code)
  await counted
  const next = renderWith(pool, original, [resize(10)])
  let nativeWorkEnded = false
  const exit = workers[0]!.terminate().then(() => {
    nativeWorkEnded = true
  })
  expect(await broken).toBe('internal')
  expect(nativeWorkEnded).toBe(true)
  expect(await next).toMatchObject({ width: 10 })
  await exit
  expect(workers).toHaveLength(2)
  expect(pool.stats()).toMatchObject({ running: 0, waiting: 0, memory: 0 })
  await pool.close()
})

it('fails those that have the source in common with the step of a thread that ends', async () => {
  const workers: Worker[] = []
  process.on('worker', worker => workers.push(worker))
  const pool = createImagePool({ threads: 1, limits })
  const original = await photo(300, 300)
  await renderWith(pool, original, [])
  const counted = vi.waitFor(() => expect(sharp.counters().process).toBe(1), { timeout: 15_000, interval: 1 })
  const told: unknown[] = []
  const steps = [[resize(2000, 2000), blur(10)], [resize(20)], [resize(10)]]
  const all = pool.renderAll({
    bytes: original,
    variants: steps.map(pass => ({ passes: [pass], output: anOutput })),
    signal: new AbortController().signal,
    onEnd: async (_index, result) => void told.push(result.ok ? 'made' : (result.error as { code: string }).code),
  })
  await counted
  await workers[0]?.terminate()
  await all
  expect(told).toEqual(['internal', 'internal', 'internal'])
  expect(pool.stats()).toMatchObject({ running: 0, waiting: 0, memory: 0 })
  await pool.close()
})
