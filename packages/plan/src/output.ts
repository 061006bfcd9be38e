import type { Format } from '@mortise/operations'
import type { TransformSet } from './transform-set.ts'
import type { Output } from './types.ts'

/**
 * The encoding of the last pass: for quality and format the newest set that names one wins, progressive and strip hold
 * when any set asks for them. `negotiated` wins over both, as mort's webp plugin does. What the format ignores is left
 * out, so that it cannot make two plans of one picture.
 */
export function planOutput(sets: TransformSet[], negotiated: Format | null): Output {
  const newest = sets.toReversed()
  const format = negotiated ?? newest.find(set => set.format)?.format ?? 'original'
  return {
    format,
    quality: ignoresQuality.has(format) ? null : (newest.find(set => set.quality)?.quality ?? null),
    progressive: !ignoresProgressive.has(format) && sets.some(set => set.progressive),
    metadata: sets.some(set => set.strip) ? 'strip' : 'keep',
  }
}

const ignoresQuality = new Set<Output['format']>(['png', 'gif'])
const ignoresProgressive = new Set<Output['format']>(['webp', 'avif', 'tiff', 'gif'])
