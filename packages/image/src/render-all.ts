import { type Climb, type ClimbParts, createClimb, type Known, type Original } from './climb.ts'
import type { Headers } from './headers.ts'
import { type Ladder, planLadders } from './ladder.ts'
import { checkMemory, checkSteps, readingBytes } from './limits.ts'
import { levelStep } from './render.ts'
import type { ImageLimits, ImagePool, RenderAllRequest } from './types.ts'
import { planWork } from './work.ts'

export type RenderAllParts = ClimbParts & {
  headers: Headers
  limits: ImageLimits
  /** Throws when the pool refuses everything. */
  checkOpen(): void
}

/** See {@link ImagePool.renderAll}. */
export function createRenderAll(parts: RenderAllParts): ImagePool['renderAll'] {
  return async request => {
    const { bytes, signal } = request
    signal.throwIfAborted()
    parts.checkOpen()
    const size = bytes.byteLength
    const known = await readAll(parts, request)
    const original: Original = { source: { kind: 'original', bytes }, failure: null }
    for (const ladder of planLadders(new Map([...known].map(([index, { work }]) => [index, work])), size)) {
      const memory = memoryOf(ladder, known, size)
      const climb = createClimb(parts, original, memory <= parts.limits.memory ? memory : null, signal)
      try {
        await run(parts, request, ladder, known, climb)
      } finally {
        climb.end()
      }
    }
  }
}

/** What only its header and those of its overlays are needed for. Tells of those that are refused. */
async function readAll(parts: RenderAllParts, request: RenderAllRequest): Promise<Map<number, Known>> {
  const { bytes, variants, signal, onEnd } = request
  const header = await settle(parts, signal, () => parts.headers.read(bytes, signal, 'background'))
  const known = new Map<number, Known>()
  for (const [index, { passes, output, overlays: files }] of variants.entries()) {
    const found = await settle(parts, signal, async () => {
      if (!header.ok) throw header.error
      const work = planWork(header.value, passes, output)
      const overlays = await parts.headers.readOverlays(passes, files, signal, 'background')
      const { reading, rest } = checkSteps(work, bytes.byteLength, overlays, parts.limits)
      checkMemory(reading + rest, parts.limits)
      return { work, overlays, reading, rest }
    })
    if (found.ok) known.set(index, found.value)
    else await onEnd(index, found)
  }
  return known
}

async function run(
  parts: RenderAllParts,
  { signal, onEnd }: RenderAllRequest,
  { work, rungs }: Ladder,
  known: Map<number, Known>,
  climb: Climb,
): Promise<void> {
  for (const rung of rungs) {
    if (rung.kind === 'level') {
      await settle(parts, signal, () => climb.makeLevel(work, rung.size))
      continue
    }
    const one = known.get(rung.index)
    if (!one) continue
    const end = await settle(parts, signal, () => climb.render(one))
    await onEnd(rung.index, end.ok ? { ok: true, rendered: end.value } : end)
  }
}

type End<T> = { ok: true; value: T } | { ok: false; error: unknown }

/** An error of one of them is its end; one that is about the whole request, or the pool, is thrown. */
async function settle<T>(parts: RenderAllParts, signal: AbortSignal, work: () => Promise<T>): Promise<End<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    signal.throwIfAborted()
    parts.checkOpen()
    return { ok: false, error }
  }
}

/** Bytes for each pixel of a level: four, as it is, as it is written, and as it is read. */
const levelBytes = 4 * 3

/** For the levels of a ladder, and for what is made of them. */
function memoryOf({ work, rungs }: Ladder, known: Map<number, Known>, size: number): number {
  const levels = rungs.filter(rung => rung.kind === 'level').map(rung => rung.size)
  const reading = levels.slice(0, 1).map(level => readingBytes(work, [levelStep(level)], size))
  const held = levels.map(({ width, height }) => levelBytes * width * height)
  const rest = Math.max(0, ...[...known.values()].map(one => one.rest))
  return [...reading, ...held, rest].reduce((sum, bytes) => sum + bytes, 0)
}
