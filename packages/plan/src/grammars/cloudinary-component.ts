import { MortiseError } from '@mortise/errors'
import { mortWords } from '../mort-hash.ts'
import { newSet, type TransformSet } from '../transform-set.ts'
import { invalid } from '../values.ts'
import { readTokens, unknownTokens, type Wish } from './cloudinary-tokens.ts'
import type { Mode } from './cloudinary-values.ts'

/**
 * One component, `c_fill,w_200,h_100`: tokens of a name and a value, and `c_` before all others. As in mort, tokens with
 * other names and effects that are not here are passed over. Throws `invalid_request`.
 */
export function readComponent(text: string): TransformSet {
  const wish = readTokens(text)
  const set: TransformSet = {
    ...newSet(),
    ...(wish.mode ? size(wish, wish.mode) : {}),
    quality: wish.quality,
    format: wish.format,
    rotate: wish.angle,
    blur: wish.sigma === null ? null : { sigma: wish.sigma, minAmplitude: 0 },
    grayscale: wish.grayscale,
  }
  const words = wish.mode && !wish.beyondMort ? wordsOf(wish.mode, wish) : null
  return words ? { ...set, words } : { ...set, beyondWords: true }
}

/** As {@link readComponent}, `null` for what is no component, or has tokens that it would pass over: a folder, perhaps. */
export function tryComponent(text: string): TransformSet | null {
  if (unknownTokens(text).length > 0) return null
  try {
    return readComponent(text)
  } catch (error) {
    if (error instanceof MortiseError) return null
    throw error
  }
}

/** What a mode makes of the sizes, the gravity and the place. */
function size(wish: Wish, mode: Mode): Partial<TransformSet> {
  const { width, height } = sides(wish)
  const both = width > 0 && height > 0
  const resized = { width, height, resize: { fit: fits[mode], enlarge: mode !== 'limit' } }
  const toward = wish.gravity ?? (mode === 'fill' || mode === 'pad' ? 'center' : 'smart')
  switch (mode) {
    case 'crop':
      // mort knows no place, and cuts what it has scaled; a place is in px of the image as it is.
      return wish.x === null && wish.y === null
        ? { width, height, crop: { gravity: toward, enlarge: false } }
        : { extract: { left: wish.x ?? 0, top: wish.y ?? 0, width, height } }
    case 'fill':
      return both && toward !== 'center' ? { width, height, crop: { gravity: toward, enlarge: true } } : resized
    case 'thumb':
      return both ? { width, height, crop: { gravity: toward, enlarge: true } } : resized
    case 'pad': {
      // What there is to see stays whole, so there is nothing to be smart about.
      const pad = { gravity: toward === 'smart' ? ('center' as const) : toward, background: wish.background }
      return both ? { width, height, pad } : resized
    }
    default:
      return resized
  }
}

/** What mort would hash of it; `null` for a mode that it does not have. */
function wordsOf(mode: Mode, { width, height }: Wish): number[] | null {
  if (mode === 'crop') return mortWords.crop({ width, height, gravity: 'smart', enlarge: false, embed: false })
  if (mode !== 'fit' && mode !== 'fill') return null
  const fill = mode === 'fill'
  return mortWords.resize({ width, height, outbound: fill, keep: true, fill })
}

const fits = {
  fit: 'keep',
  limit: 'inside',
  scale: 'stretch',
  fill: 'cover',
  thumb: 'cover',
  pad: 'inside',
  crop: 'cover',
} as const satisfies Record<Mode, string>

function sides({ width, height, ratio, density }: Wish): { width: number; height: number } {
  if (ratio !== null && width === 0 && height === 0) throw invalid('ar', undefined, 'w or h beside it')
  const across = width || (ratio === null ? 0 : Math.max(1, height * ratio))
  const down = height || (ratio === null ? 0 : Math.max(1, width / ratio))
  return { width: whole(across * density), height: whole(down * density) }
}

/** Larger than any limit, and still a whole number. */
const largest = 2 ** 31 - 1

function whole(size: number): number {
  return size === 0 ? 0 : Math.min(largest, Math.max(1, Math.round(size)))
}
