import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createImagePool, type ImagePool } from '@mortise/image'
import type { Step } from '@mortise/operations'
import type { Output } from '@mortise/plan'
import sharp from 'sharp'
import type { Original } from '../fixtures/images.ts'
import { limits } from '../fixtures/renders.ts'
import { startChild } from './child.ts'
import { median, pairedRatios, printRatios, type Row, residentMemory } from './measure.ts'

const rounds = 7

const ladders = [
  { widths: [1024, 800, 640, 480, 320, 160], target: '2.8' },
  { widths: [2048, 1600, 1280, 1024, 800, 640, 480, 320], target: '1.7' },
]
const formats = ['jpeg', 'webp'] as const
type Format = (typeof formats)[number]

/** All sizes of one JPEG of 24 megapixels by `renderAll`, against one `render` for each, in one pool. */
export async function measureLadders(): Promise<Row[]> {
  const original = await camera(6000, 4000)
  const size = `${(original.byteLength / 1e6).toFixed(1)} MB`
  const rows: Row[] = []
  for (const threads of [1, 2]) {
    // A pool each: background work leaves a thread alone for a moment after interactive work.
    await using one = createImagePool({ threads, limits })
    await using other = createImagePool({ threads, limits })
    for (const { widths, target } of ladders) {
      for (const format of formats) {
        const variants = widths.map(width => variant(width, format))
        // As many originals as threads: one request holds one of them.
        const cpu: Record<'one' | 'other', number[]> = { one: [], other: [] }
        const ratios = await pairedRatios(
          rounds,
          () => timed(() => separately(one, original, variants, threads), cpu.one),
          () => timed(() => together(other, original, variants, threads), cpu.other),
        )
        const work = median(cpu.one.map((ms, i) => ms / (cpu.other[i] ?? Number.NaN)))
        rows.push({
          what: `sizes ${widths[0]} to ${widths.at(-1)} as ${format} from ${size}, ${threads} threads`,
          against: 'separate renders, seconds; of CPU',
          result: `${printRatios(ratios)}; ${work.toFixed(3)}`,
          target: format === 'jpeg' ? target : 'none',
          command: 'npm run bench -- ladder',
        })
        if (threads === 1) rows.push(await memoryRow(original, widths, format))
      }
    }
  }
  return rows
}

type Variant = { passes: Step[][]; output: Output }
type Run = (pool: ImagePool, original: Original, variants: Variant[], originals: number) => Promise<unknown>

/** As a URL or a preset with a width asks for it. */
const variant = (width: number, format: Format): Variant => ({
  passes: [[{ op: 'resize', width, height: 0, fit: 'stretch', enlarge: false }]],
  output: { format, quality: null, progressive: false, metadata: 'keep' },
})

const { signal } = new AbortController()

const separately: Run = (pool, original, variants, originals) =>
  Promise.all(
    Array.from({ length: originals }, () => variants)
      .flat()
      .map(one => pool.render({ ...one, bytes: original.slice(), signal })),
  )

const together: Run = (pool, original, variants, originals) =>
  Promise.all(
    Array.from({ length: originals }, () =>
      pool.renderAll({
        ...{ variants, signal, bytes: original.slice() },
        async onEnd(_index, result) {
          if (!result.ok) throw result.error
        },
      }),
    ),
  )

/** Milliseconds; `cpu` is given those of all threads together, which others on the machine disturb less. */
async function timed(run: () => Promise<unknown>, cpu: number[]): Promise<number> {
  const started = performance.now()
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  cpu.push((user + system) / 1000)
  return performance.now() - started
}

/** Each way in a process of its own. */
async function memoryRow(original: Original, widths: number[], format: Format): Promise<Row> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-bench-'))
  try {
    const file = path.join(folder, 'camera.jpg')
    await writeFile(file, original)
    const peaks: string[] = []
    for (const way of ['separately', 'together']) {
      await using child = startChild('./ladder.ts', [file, way, format, widths.join(',')])
      peaks.push(Number(await child.line()).toFixed(0))
    }
    return {
      what: `sizes ${widths[0]} to ${widths.at(-1)} as ${format}, memory`,
      against: 'MiB of a process at its peak: separately; together',
      result: peaks.join('; '),
      target: 'none',
      command: 'npm run bench -- ladder',
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a child does: all of it, five times, and prints its peak. */
async function measurePeak([file = '', way, format, widths = '']: string[]): Promise<void> {
  const original = new Uint8Array(await readFile(file))
  const variants = widths.split(',').map(width => variant(Number(width), format === 'webp' ? 'webp' : 'jpeg'))
  await using pool = createImagePool({ threads: 1, limits })
  const run = way === 'together' ? together : separately
  for (let round = 0; round < 5; round++) await run(pool, original, variants, 1)
  console.log((await residentMemory(process.pid)).peak)
}

/** Shapes of all sizes and the grain of a sensor, with the quality that cameras use. */
async function camera(width: number, height: number): Promise<Original> {
  const picture = fileURLToPath(new URL('../../services/cli/demo/harbour.jpg', import.meta.url))
  const grain = { type: 'gaussian', mean: 128, sigma: 30 } as const
  const input = { create: { width, height, channels: 3, background: '#808080', noise: grain } } as const
  const { data } = await sharp(picture)
    .resize(width, height)
    .composite([{ input, blend: 'soft-light' }])
    .removeAlpha()
    .jpeg({ quality: 92 })
    .toUint8Array()
  return new Uint8Array(data)
}

if (import.meta.main) await measurePeak(process.argv.slice(2))
