import { type Frame, operationOf, type Size } from '@mortise/operations'
import { shrinkOnLoad, startsWithScale } from './limits.ts'
import type { Work } from './work.ts'

/**
 * One thing to make: a derivative, by its number, or a level, which is a smaller picture that stands for the original in
 * all that follows, until the next one. The first level is made of the original, the others of the one before.
 */
export type Rung = { kind: 'render'; index: number } | { kind: 'level'; size: Size }

/** The derivatives of one original whose levels are alike, in the order in which they cost the least. */
export type Ladder = { work: Work; rungs: Rung[] }

/**
 * A level has at least twice the sides of what is made of it. The decoder of JPEG may take a twentieth of that: what it
 * leaves out for a third of the sides costs as much as all the rest, and a separate render of the same derivative
 * starts from fewer px than such a level has.
 */
const enough = 2
const allowance = 0.95

/** Parts of the sides up to which libvips has a JPEG decoded in a half, a quarter and an eighth of its size. */
const decoderSteps = [1 / 9, 1 / 5, 1 / 3]

/**
 * Nanoseconds, measured with libvips 8.18 for JPEGs of 24 megapixels and 3 to 9 MB: for each byte of the original, for
 * each of its pixels that is decoded, for each pixel of a level that is read and written, and for one more step. Only what
 * costs less than what follows from them: a decoder that is slower makes levels worth more.
 */
const cost = { byte: 13, decoded: 5, read: 1.3, written: 10, step: 2e6 }

/** The same for each pixel that is read where sides become 4 to 8 times smaller, which libvips does in two goes. */
const readSlowly = 3.5

/** `works`: by number, of one original of `size` bytes. */
export function planLadders(works: ReadonlyMap<number, Work>, size: number): Ladder[] {
  const groups = Map.groupBy(works, ([, work]) => (reduction(work) < enough ? 'alone' : work.output.metadata))
  return [...groups].flatMap(([group, members]) => {
    const work = members[0]?.[1]
    if (!work) return []
    if (group !== 'alone') return { work, rungs: climb(members, work, size) }
    return { work, rungs: members.map(([index]): Rung => ({ kind: 'render', index })) }
  })
}

/** How many px of the frame become one px of the derivative, where a smaller picture shows no difference; else 1. */
function reduction({ header, frame, orient, pipelines, output }: Work): number {
  const [first] = pipelines[0].steps
  const still = header.frames === 1 && !header.drawing
  // sharp does more than one thing with others on their way to the first step.
  const plain = header.bands >= 3 && header.depth === 1 && !header.cmyk
  // As the first pass of some turns it explicitly, the others want it upright.
  const upright = orient || header.orientation === 1
  // What goes from a level to a derivative goes through a PNG.
  const carried = output.metadata === 'strip' || !header.iptc
  if (!first || !still || !plain || !upright || !carried) return 1
  return operationOf(first).reduction?.(frame, first) ?? 1
}

type Way = { cost: number; rungs: Rung[] }
type Level = { scale: number; size: Size }

/** The cheapest of all ways to make them, the largest first: each from what is at hand, or from a new level. */
function climb(members: [number, Work][], { header, frame }: Work, bytes: number): Rung[] {
  const jpeg = header.format === 'jpeg'
  const decode = (shrink: number) => cost.byte * bytes + (cost.decoded * pixels(frame)) / shrink ** 2
  const steps = members
    .map(([index, work]) => ({ index, work, scale: enough / reduction(work) }))
    .toSorted((one, other) => other.scale - one.scale)
  const known = new Map<string, Way>()

  /** From number `at` on, with this level at hand, or (`null`) the original. */
  function best(hand: Level | null, at: number): Way {
    const key = `${hand?.scale} ${at}`
    const found = known.get(key) ?? search(hand, at)
    known.set(key, found)
    return found
  }

  function search(hand: Level | null, at: number): Way {
    const step = steps[at]
    if (!step) return { cost: 0, rungs: [] }
    const { index, work, scale } = step
    const rest = best(hand, at + 1)
    const read = hand ? reading(hand, scale) : decode(jpeg ? decoderShrink(work) : 1)
    const direct: Way = { cost: read + rest.cost, rungs: [{ kind: 'render', index }, ...rest.rungs] }
    const level = levelFor(scale, frame, jpeg && !hand)
    if (hand && level.scale >= hand.scale) return direct
    const above = best(level, at)
    const source = hand ? cost.read * pixels(hand.size) : decode(jpeg ? shrinkOnLoad('jpeg', frame, level.size) : 1)
    const whole = source + cost.written * pixels(level.size) + cost.step + above.cost
    return whole < direct.cost ? { cost: whole, rungs: [{ kind: 'level', size: level.size }, ...above.rungs] } : direct
  }

  return best(null, 0).rungs
}

function reading({ scale, size }: Level, next: number): number {
  const times = (scale / next) * enough
  return pixels(size) * (times >= 4 && times < 8 ? readSlowly : cost.read)
}

const pixels = ({ width, height }: Size) => width * height

/** `jpeg`: made by its decoder. */
function levelFor(scale: number, frame: Frame, jpeg: boolean): Level {
  const step = jpeg ? decoderSteps.find(part => part < scale && part >= scale * allowance) : undefined
  return { scale: step ?? scale, size: step ? shaped(frame, step, -1) : shaped(frame, scale, 1) }
}

/** Not below the scale, or (-1) not above it: one px more than a third of a side would be decoded in full. */
function shaped(frame: Frame, scale: number, way: 1 | -1): Size {
  const round = way > 0 ? Math.ceil : Math.floor
  const [across, down] = [frame.width * scale, frame.height * scale]
  // Up to a hundredth more or less, where its sides then are more nearly in the ratio of the frame's.
  const heights = Array.from({ length: Math.min(8, 1 + down / 100) }, (_, i) => round(down) + i * way)
  const sizes = heights
    .map(height => ({ height, width: Math.round((height * frame.width) / frame.height) }))
    .filter(({ width, height }) => height > 0 && height <= frame.height && (width - across) * way >= 0 && width > 0)
  const error = ({ width, height }: Size) => Math.abs(width / height - frame.width / frame.height)
  return sizes.toSorted((one, other) => error(one) - error(other))[0] ?? { width: round(across), height: round(down) }
}

function decoderShrink({ frame, pipelines }: Work): number {
  const [first] = pipelines[0].steps
  const scaled = first && startsWithScale(first) ? operationOf(first).scaled?.(frame, first) : undefined
  return scaled ? shrinkOnLoad('jpeg', frame, scaled) : 1
}
