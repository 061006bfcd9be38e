import { MortiseError } from '@mortise/errors'
import { mortWords } from '../mort-hash.ts'
import { type Angle, type Gravity, newSet, type TransformSet } from '../transform-set.ts'
import { invalid } from '../values.ts'
import {
  angle,
  blurSigma,
  colour,
  density,
  formatOrAuto,
  gravity,
  isMode,
  type Mode,
  pixels,
  qualityOrAuto,
  ratio,
} from './cloudinary-values.ts'

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
  if (!text.split(',').every(token => Object.hasOwn(readers, nameOf(token)))) return null
  try {
    return readComponent(text)
  } catch (error) {
    if (error instanceof MortiseError) return null
    throw error
  }
}

/** The tokens of a component that are passed over. */
export function unknownTokens(text: string): string[] {
  return text.split(',').filter(token => !Object.hasOwn(readers, nameOf(token)))
}

/** What the tokens of one component say. */
type Wish = {
  mode: Mode | null
  width: number
  height: number
  /** Width through height. */
  ratio: number | null
  /** Device pixels for each px of width and height. */
  density: number
  x: number | null
  y: number | null
  gravity: Gravity | null
  background: string
  quality: TransformSet['quality']
  format: TransformSet['format']
  angle: Angle | null
  sigma: number | null
  grayscale: boolean
  /** It says something that mort does not know. */
  beyondMort: boolean
}

const noWish: Wish = {
  mode: null,
  width: 0,
  height: 0,
  ratio: null,
  density: 1,
  x: null,
  y: null,
  gravity: null,
  background: '#ffffffff',
  quality: null,
  format: null,
  angle: null,
  sigma: null,
  grayscale: false,
  beyondMort: false,
}

/** The tokens that mort knows. */
const ofMort = new Set(['c', 'w', 'h'])

const readers: Record<string, (value: string, wish: Wish) => void> = {
  c: () => {},
  w: (value, wish) => (wish.width = pixels('w', value)),
  h: (value, wish) => (wish.height = pixels('h', value)),
  ar: (value, wish) => (wish.ratio = ratio(value)),
  dpr: (value, wish) => (wish.density = density(value)),
  x: (value, wish) => (wish.x = pixels('x', value)),
  y: (value, wish) => (wish.y = pixels('y', value)),
  g: (value, wish) => (wish.gravity = gravity(value)),
  b: (value, wish) => (wish.background = colour(value)),
  q: (value, wish) => (wish.quality = qualityOrAuto(value)),
  f: (value, wish) => (wish.format = formatOrAuto(value)),
  a: (value, wish) => (wish.angle = angle(value)),
  e(value, wish) {
    const [name = '', strength, ...rest] = value.split(':')
    if (name === 'grayscale' && strength === undefined) wish.grayscale = true
    else if (name === 'blur' && rest.length === 0) wish.sigma = blurSigma(strength)
    else if (wish.mode === null) throw invalid('e', value, 'grayscale or blur')
  },
  bo: value => missing('bo', value),
  co: value => missing('co', value),
}

/** Neither mort nor this knows borders and colours, and both say so. */
function missing(name: string, value: string): never {
  throw invalid(name, value, 'no such token')
}

/** These need no `c_` before them. */
const free = new Set(['q', 'f', 'a', 'e'])

function readTokens(text: string): Wish {
  const wish = { ...noWish }
  const tokens = text.split(',')
  for (const token of tokens) {
    if (!token.includes('_')) throw invalid('transformations', token, 'a name, an underscore and a value')
  }
  const [first = ''] = tokens
  if (nameOf(first) === 'c') {
    const mode = first.slice(2)
    if (!isMode(mode)) throw invalid('c', mode, 'a mode that is known')
    wish.mode = mode
  } else if (!tokens.every(token => free.has(nameOf(token)))) {
    throw invalid('transformations', first, 'c_ and a mode before all others')
  }
  for (const token of tokens) {
    const name = nameOf(token)
    if (!Object.hasOwn(readers, name)) continue
    readers[name]?.(token.slice(name.length + 1), wish)
    wish.beyondMort ||= !ofMort.has(name)
  }
  return wish
}

function nameOf(token: string): string {
  return token.slice(0, Math.max(token.indexOf('_'), 0))
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
