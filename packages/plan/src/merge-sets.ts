import type { TransformSet } from './transform-set.ts'

/**
 * The sets of a chain, oldest first, as mort merges them: into the oldest one, with what is lost on the way. A second
 * watermark keeps its set apart; a set that comes later is merged all the same, and so overtakes it. With resizeCropAuto
 * anywhere nothing is merged, nor are sets that say what no set of mort can.
 */
export function mergeSets(sets: readonly TransformSet[]): readonly TransformSet[] {
  const [oldest, ...newer] = sets
  if (!oldest || sets.some(set => set.autoCrop || isOurs(set))) return sets
  const apart: TransformSet[] = []
  let merged = oldest
  for (const set of newer) {
    if (merged.watermark && set.watermark) apart.push(set)
    else merged = merge(merged, set)
  }
  return [merged, ...apart]
}

/** Rows of mort's table: newer over older, either of both, the sum of both, or the older alone. */
function merge(older: TransformSet, newer: TransformSet): TransformSet {
  const [before, after] = [flagsOf(older), flagsOf(newer)]
  const either = (flag: 'keep' | 'fill' | 'enlarge') => before?.[flag] === true || after?.[flag] === true
  // One flag in mort, of the last operation that set it. That of the newer set is lost.
  const outbound = older.crop?.enlarge ?? before?.outbound ?? false
  // The centre is mort's zero, so it is no newer value.
  const [was, is] = [older.crop?.gravity ?? 'center', newer.crop?.gravity ?? 'center']
  return {
    ...older,
    width: newer.width || older.width,
    height: newer.height || older.height,
    resize:
      before || after ? { outbound, keep: either('keep'), fill: either('fill'), enlarge: either('enlarge') } : null,
    crop: older.crop || newer.crop ? { gravity: is === 'center' ? was : is, enlarge: outbound } : null,
    // Even with zeros.
    extract: newer.extract,
    watermark: newer.watermark ?? older.watermark,
    blur: sum(older.blur, newer.blur),
    progressive: older.progressive || newer.progressive,
    strip: older.strip || newer.strip,
    quality: newer.quality ?? older.quality,
    format: newer.format ?? older.format,
  }
}

type Resize = NonNullable<TransformSet['resize']>

/** mort's flags; those of Cloudinary's fit and fill are such flags too. */
function flagsOf({ resize }: TransformSet): Extract<Resize, { keep: boolean }> | null {
  if (!resize || 'keep' in resize) return resize
  const fill = resize.fit === 'cover'
  return { outbound: fill, keep: true, fill, enlarge: resize.enlarge }
}

function isOurs({ pad, resize }: TransformSet): boolean {
  if (pad) return true
  return resize !== null && 'fit' in resize && resize.fit !== 'keep' && resize.fit !== 'cover'
}

/** No more than a step may say. */
const maxSigma = 100

function sum(older: TransformSet['blur'], newer: TransformSet['blur']): TransformSet['blur'] {
  if (!older || !newer) return older ?? newer
  return {
    sigma: Math.min(maxSigma, older.sigma + newer.sigma),
    minAmplitude: older.minAmplitude + newer.minAmplitude,
  }
}
