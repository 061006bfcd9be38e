import type { Format } from '@mortise/operations'
import type { TransformSet } from './transform-set.ts'
import type { Output } from './types.ts'

/**
 * The encoding of the last pass: for quality and format the newest set that names one wins, progressive and strip hold
 * when any set asks for them. `negotiated` wins over all, as mort's webp plugin does. What the format ignores is left
 * out, so that it cannot make two plans of one picture.
 */
export function planOutput(sets: TransformSet[], negotiated: Format | null): Output {
  const named = newestFormat(sets)
  const format = negotiated ?? (named === 'auto' ? 'original' : (named ?? 'original'))
  const quality = sets.findLast(set => set.quality)?.quality
  return {
    format,
    quality: typeof quality === 'number' && !ignoresQuality.has(format) ? quality : null,
    progressive: !ignoresProgressive.has(format) && sets.some(set => set.progressive),
    metadata: sets.some(set => set.strip) ? 'strip' : 'keep',
  }
}

/** `null` when no set names one. */
export function newestFormat(sets: TransformSet[]): TransformSet['format'] {
  return sets.findLast(set => set.format)?.format ?? null
}

const ignoresQuality = new Set<Output['format']>(['png', 'gif', 'tiff'])
const ignoresProgressive = new Set<Output['format']>(['webp', 'avif', 'tiff', 'gif'])
