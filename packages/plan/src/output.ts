import { MortiseError } from '@mortise/errors'
import type { Format } from '@mortise/operations'
import type { Compat } from './steps.ts'
import type { TransformSet } from './transform-set.ts'
import type { Output } from './types.ts'

/**
 * The encoding of the last pass: for quality and format the newest set that names one wins, progressive and strip hold
 * when any set asks for them. `negotiated` wins over all, as mort's webp plugin does. What the format ignores is left
 * out, so that it cannot make two plans of one picture. Throws `invalid_request` for a GIF where none is written.
 */
export function planOutput(sets: readonly TransformSet[], negotiated: Format | null, compat: Compat): Output {
  const named = newestFormat(sets)
  const format = negotiated ?? (named === 'auto' ? 'original' : (named ?? 'original'))
  const still = compat.includes('still-gif')
  if (still && format === 'gif') throw new MortiseError('invalid_request', 'format: gif is not written here')
  const quality = sets.findLast(set => set.quality)?.quality
  return {
    format,
    quality: typeof quality === 'number' && !ignoresQuality.has(format) ? quality : null,
    progressive: !ignoresProgressive.has(format) && sets.some(set => set.progressive),
    metadata: sets.some(set => set.strip) ? 'strip' : 'keep',
    ...(still ? { still } : {}),
  }
}

/** `null` when no set names one. */
export function newestFormat(sets: readonly TransformSet[]): TransformSet['format'] {
  return sets.findLast(set => set.format)?.format ?? null
}

export const ignoresQuality: ReadonlySet<Output['format']> = new Set(['png', 'gif', 'tiff'])
export const ignoresProgressive: ReadonlySet<Output['format']> = new Set(['webp', 'avif', 'tiff', 'gif'])
