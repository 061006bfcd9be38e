import { createHash } from 'node:crypto'
import { type Frame, type Overlays, operationOf, type Size, type Step } from '@mortise/operations'
import type { Sharp } from 'sharp'
import { contentTypes, encode } from './encode.ts'
import { type Bounds, handOver, handOverEach, open, type Source } from './source.ts'
import type { Rendered } from './types.ts'
import type { Pipeline, Work } from './work.ts'

/** What is to be done, with what it needs besides the original. */
export type Job = { work: Work; overlays: Overlays; bounds: Bounds }

/** An original, or what stands for it, to the bytes of its derivative. Throws what sharp throws. */
export async function render(start: Source, job: Job): Promise<Rendered> {
  const { work } = job
  let source = start
  let frame = work.frame
  for (const pipeline of work.pipelines.slice(0, -1)) {
    source = await hand(source, pipeline, job, frame)
    frame = after(frame, pipeline.steps)
  }
  const last = work.pipelines.at(-1) ?? work.pipelines[0]
  const image = run(source, last.steps, job, frame)
  const { data, info } = await encode(image, work, after(frame, last.steps)).toUint8Array()
  return {
    bytes: data as Uint8Array<ArrayBuffer>,
    contentType: contentTypes[work.output.format],
    etag: createHash('sha256').update(data).digest('hex').slice(0, 32),
    width: info.width,
    height: info.pageHeight ?? info.height,
  }
}

/** A smaller picture that stands for the original, made of it or of a larger one. Throws what sharp throws. */
export function makeLevel(source: Source, size: Size, job: Job): Promise<Source> {
  return handOver(run(source, [levelStep(size)], job, job.work.frame), job.work, 1)
}

export const levelStep = (size: Size): Step => ({ op: 'resize', ...size, fit: 'stretch', enlarge: false })

/** One pipeline whose result another one continues. */
async function hand(source: Source, { steps, eachFrame }: Pipeline, job: Job, frame: Frame): Promise<Source> {
  const { work, bounds } = job
  if (!eachFrame) return handOver(run(source, steps, job, frame), work, frame.pages)
  const roll = source.kind === 'pixels' ? source : await handOver(run(source, [], job, frame), work, frame.pages)
  const one = { ...frame, pages: 1 }
  return handOverEach(roll, piece => apply(open(piece, 1, false, bounds), steps, job, one), frame.pages)
}

function run(source: Source, steps: Step[], job: Job, frame: Frame): Sharp {
  const { work, bounds } = job
  const first = source.kind === 'original'
  const image = open(source, frame.pages, first && work.orient, bounds)
  return apply(first ? colour(image, work) : coloured(image, work), steps, job, frame)
}

function apply(image: Sharp, steps: Step[], { work, overlays }: Job, frame: Frame): Sharp {
  for (const step of steps) {
    const operation = operationOf(step)
    operation.apply(image, step, frame, overlays)
    // Whatever is laid over, sharp adds alpha for it.
    if (operation.overlay && work.opaque) image.removeAlpha()
    frame = operation.resize(frame, step)
  }
  return image
}

const after = (frame: Frame, steps: Step[]) =>
  steps.reduce((arriving, step) => operationOf(step).resize(arriving, step), frame)

/** Which colours the pixels of an original are turned into, and what else of the file they take along. */
function colour(image: Sharp, { header, orient, output }: Work): Sharp {
  if (output.metadata === 'strip') {
    // Without being told so sharp leaves 16-bit pixels in the colours of Display P3 when it drops their profile.
    return header.profile && header.depth > 1 ? image.withIccProfile('srgb', { attach: false }) : image
  }
  // The tag has to go although the pixels were not turned by it; sharp does that only with sRGB as the profile.
  if (!orient && header.orientation > 1) return image.withMetadata({ orientation: 1 })
  // Pixels of CMYK become sRGB, so their profile may not stay. That of 16 bits sharp would write from memory that it has
  // given back: now and then it is missing, or the image cannot be written.
  const another = header.cmyk || (header.profile && header.depth > 1)
  return another ? keep(image, header).withIccProfile('srgb') : keep(image, header)
}

const coloured = (image: Sharp, { header, output }: Work) => (output.metadata === 'keep' ? keep(image, header) : image)

/** What is there and no more: sharp writes EXIF of its own where it may and finds none, a fifth of a small picture. */
function keep(image: Sharp, { tags }: Work['header']): Sharp {
  return tags ? image.keepMetadata() : image.keepIccProfile().keepXmp()
}
