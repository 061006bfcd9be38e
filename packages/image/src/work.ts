import { MortiseError } from '@mortise/errors'
import { type Format, type Frame, operationOf, type Step } from '@mortise/operations'
import type { Output, Pass } from '@mortise/plan'
import type { Header } from './header.ts'

/** Steps that one sharp pipeline runs in this order. */
export type Pipeline = {
  steps: Step[]
  /** Run on every frame of an animation by itself. Never in the last one, which encodes. */
  eachFrame: boolean
}

/** All that is to be done with the bytes of an original. It travels to a thread. */
export type Work = {
  header: Header
  /** At least one. */
  pipelines: [Pipeline, ...Pipeline[]]
  /** Turn the pixels as the EXIF orientation asks, before the first step. */
  orient: boolean
  output: Omit<Output, 'format'> & { format: Format }
  /** The frame that arrives at the first step. */
  frame: Frame
  /** Nothing in the derivative can be transparent. */
  opaque: boolean
}

/** Throws `invalid_request` when the format, perhaps the original's own, cannot be written. */
export function planWork(header: Header, passes: Pass[], output: Output): Work {
  const format = output.format === 'original' ? header.format : output.format
  if (format === 'svg') throw new MortiseError('invalid_request', 'svg is not written; a format has to be named')
  if (output.still && format === 'gif') throw new MortiseError('invalid_request', 'gif is not written here')
  const moves = !output.still && moving.has(header.format) && moving.has(format) && header.orientation === 1
  const pages = moves ? header.frames : 1
  // An explicit turn takes the place of the one that EXIF asks for, as in mort.
  const orient = !passes[0]?.some(step => step.op === 'rotate')
  const sideways = orient && header.orientation >= 5
  const frame = {
    width: sideways ? header.height : header.width,
    height: sideways ? header.width : header.height,
    pages,
  }
  const steps = passes.flat()
  const opaque = !header.alpha && !steps.some(step => operationOf(step).transparent?.(step))
  return { header, pipelines: split(steps, pages > 1), orient, output: { ...output, format }, frame, opaque }
}

// An animation that EXIF turns does not occur in practice; it is answered with its first frame.
const moving = new Set<Header['format']>(['gif', 'webp'])

// Passes need not end where a pipeline does: what counts is that the steps run in their order.
function split(steps: Step[], animated: boolean): [Pipeline, ...Pipeline[]] {
  const pipelines: [Pipeline, ...Pipeline[]] = [{ steps: [], eachFrame: false }]
  let last = -1
  for (const step of steps) {
    const { places, until, eachFrame } = operationOf(step)
    const alone = animated && eachFrame === true
    const next = places.find(place => place > last)
    if (alone || next === undefined) {
      pipelines.push({ steps: [step], eachFrame: alone })
      last = alone ? Number.POSITIVE_INFINITY : (until ?? places[0] ?? -1)
    } else {
      pipelines.at(-1)?.steps.push(step)
      last = until ?? next
    }
  }
  if (pipelines.at(-1)?.eachFrame) pipelines.push({ steps: [], eachFrame: false })
  return pipelines
}
