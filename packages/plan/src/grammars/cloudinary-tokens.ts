import type { Angle, Gravity, TransformSet } from '../transform-set.ts'
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

/** What the tokens of one component say. */
export type Wish = {
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

/** `w_200,h_100`: throws `invalid_request` for a token or a value that cannot be. */
export function readTokens(text: string): Wish {
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

/** The tokens of a component that are passed over. */
export function unknownTokens(text: string): string[] {
  return text.split(',').filter(token => !Object.hasOwn(readers, nameOf(token)))
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

function nameOf(token: string): string {
  return token.slice(0, Math.max(token.indexOf('_'), 0))
}
