import sharp, { type OutputInfo, type Sharp } from 'sharp'
import type { Work } from './work.ts'

/** What bounds a render, besides the limits that it passed before it started. */
export type Bounds = {
  /** width x height x frames that a decoder may give. */
  inputPixels: number
  /**
   * Whole seconds that are left, at least 1; asked before each pipeline. Throws `timed_out` when there are none, and
   * `cancelled` when the render is not wanted any more.
   */
  seconds(): number
}

/** What a pipeline starts from: the original, or what the one before it left: a file again, or bare pixels. */
export type Source = { bytes: Uint8Array } & (
  | { kind: 'original' | 'file' }
  | { kind: 'pixels'; raw: { width: number; height: number; channels: 1 | 2 | 3 | 4; pageHeight?: number } }
)

export function open(source: Source, pages: number, autoOrient: boolean, bounds: Bounds): Sharp {
  const seconds = bounds.seconds()
  const { bytes, kind } = source
  const animated = pages > 1
  // What sharp made itself was within the limits before it was made.
  const limitInputPixels = kind === 'original' ? bounds.inputPixels : false
  const options = { animated, autoOrient, limitInputPixels }
  const image = kind === 'pixels' ? sharp(bytes, { ...options, raw: source.raw }) : sharp(bytes, options)
  return image.timeout({ seconds })
}

/** Runs the pipeline, without loss. What is kept of the metadata needs a file around the pixels, and one frame. */
export async function handOver(image: Sharp, { output, header }: Work, pages: number): Promise<Source> {
  if (output.metadata === 'keep' && hasMetadata(header) && pages === 1) {
    const { data } = await image.png({ compressionLevel: 0 }).toUint8Array()
    return { kind: 'file', bytes: data }
  }
  const { data, info } = await image.raw().toUint8Array()
  return { kind: 'pixels', bytes: data, raw: rawOf(info, pages) }
}

/** The frames of bare pixels lie one below the other, so each is a piece of their bytes, and so is what it becomes. */
export async function handOverEach(roll: Source, change: (one: Source) => Sharp, pages: number): Promise<Source> {
  if (roll.kind !== 'pixels') throw new TypeError('only bare pixels can be taken apart')
  const { bytes, raw } = roll
  const length = bytes.byteLength / pages
  const frame = { width: raw.width, height: raw.height / pages, channels: raw.channels }
  const changed: Written[] = []
  for (let page = 0; page < pages; page++) {
    const piece = bytes.subarray(page * length, (page + 1) * length)
    changed.push(await change({ kind: 'pixels', bytes: piece, raw: frame }).raw().toUint8Array())
  }
  const { width, height, channels } = changed[0]?.info ?? frame
  const joined = Buffer.concat(changed.map(({ data }) => data))
  return { kind: 'pixels', bytes: joined, raw: rawOf({ width, height: height * pages, channels }, pages) }
}

// Pixels that were inks get a profile.
const hasMetadata = ({ profile, tags, xmp, cmyk }: Work['header']) => profile || tags || xmp || cmyk

type Written = { data: Uint8Array; info: OutputInfo }

function rawOf({ width, height, channels }: Pick<OutputInfo, 'width' | 'height' | 'channels'>, pages: number) {
  return { width, height, channels, ...(pages > 1 && { pageHeight: height / pages }) }
}
