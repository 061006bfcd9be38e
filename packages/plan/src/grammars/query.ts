import { MortiseError } from '@mortise/errors'
import { formats } from '@mortise/operations'
import type { Query } from '../address.ts'
import { emptySet, isEmpty, type TransformSet } from '../transform-set.ts'
import type { Grammar } from './grammar.ts'
import { parentPath, readFormat, readGravity } from './shared.ts'

/** `?width=300&format=webp`: mort's `query` kind. The parent is the path itself. */
export function createQueryGrammar({ bucket, parentBucket }: { bucket: string; parentBucket: string | null }): Grammar {
  return ({ key, query }) => {
    const set = parseQuerySet(query)
    return isEmpty(set) ? null : { sets: [set], parent: parentPath(parentBucket ?? bucket, key) }
  }
}

/** The transform set of a query. All operations of one query share its parameters. */
export function parseQuerySet(query: Query): TransformSet {
  const set = { ...emptySet }
  const operations = query.all('operation')
  if (operations.length === 0) implicitResize(set, query)
  else if (operations[0] === '') throw invalid('operation', '')
  for (const name of operations) {
    if (Object.hasOwn(recorders, name)) recorders[name as keyof typeof recorders](set, query)
  }
  const quality = query.get('quality')
  if (quality !== undefined) set.quality = integer('quality', quality, 1, 100)
  const format = query.get('format')
  if (format !== undefined) {
    set.format = readFormat(format)
    if (!set.format) throw invalid('format', format, `one of ${formats.join(', ')}`)
  }
  // Its presence alone switches it on, whatever its value.
  if (query.get('grayscale') !== undefined) set.grayscale = true
  return set
}

const recorders = {
  resize(set: TransformSet, query: Query) {
    readSizes(set, query)
    if (set.width === 0 && set.height === 0)
      throw new MortiseError('invalid_request', 'resize: neither width nor height')
    set.resize = plain
  },
  crop(set: TransformSet, query: Query) {
    readSizes(set, query)
    set.crop = { gravity: readGravity(query.get('gravity')), enlarge: false }
  },
  extract(set: TransformSet, query: Query) {
    set.extract = {
      left: size('left', query.get('left')),
      top: size('top', query.get('top')),
      // mort spells the first one with a typo that URLs out there carry.
      width: size('areaWidth', query.get('areaWith') ?? query.get('areaWidth')),
      height: size('areaHeight', query.get('areaHeight')),
    }
  },
  blur(set: TransformSet, query: Query) {
    const sigma = decimal(query.get('sigma'))
    if (sigma === null || !(sigma > 0 && sigma <= 100))
      throw invalid('sigma', query.get('sigma'), 'above 0, at most 100')
    set.blur = { sigma, minAmplitude: decimal(query.get('minAmpl')) ?? 0 }
  },
  rotate(set: TransformSet, query: Query) {
    const angle = parseInteger(query.get('angle'))
    if (angle !== 0 && angle !== 90 && angle !== 180 && angle !== 270) {
      throw invalid('angle', query.get('angle'), '0, 90, 180 or 270')
    }
    set.rotate = angle
  },
  resizeCropAuto: notHere,
  watermark: notHere,
} satisfies Record<string, (set: TransformSet, query: Query) => void>

const plain = { outbound: false, keep: false, fill: false, enlarge: true }

function notHere(): never {
  throw new MortiseError('unsupported', 'operation: this version has neither watermark nor resizeCropAuto')
}

/** Without an operation, sizes mean resize, and each must be a positive integer. */
function implicitResize(set: TransformSet, query: Query): void {
  const width = query.get('width')
  const height = query.get('height')
  if (width === undefined && height === undefined) return
  if (width !== undefined) set.width = integer('width', width, 1, maxInt32)
  if (height !== undefined) set.height = integer('height', height, 1, maxInt32)
  set.resize = plain
}

function readSizes(set: TransformSet, query: Query): void {
  set.width = size('width', query.get('width'))
  set.height = size('height', query.get('height'))
}

const maxInt32 = 2 ** 31 - 1

/** A size of an explicit operation: text that is no number counts as 0, a negative one is refused. */
function size(name: string, text: string | undefined): number {
  const value = parseInteger(text) ?? 0
  if (value < 0) throw invalid(name, text, 'not negative')
  return value
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = parseInteger(text)
  if (value === null || value < min || value > max) throw invalid(name, text, `an integer from ${min} to ${max}`)
  return value
}

/** A base-10 integer of 32 bits with an optional sign, or `null`. */
function parseInteger(text: string | undefined): number | null {
  if (text === undefined || !/^[+-]?\d{1,10}$/.test(text)) return null
  const value = Number(text)
  return value >= -maxInt32 - 1 && value <= maxInt32 ? value : null
}

/** A finite decimal number, or `null`; unlike mort, which lets NaN pass its checks. */
function decimal(text: string | undefined): number | null {
  if (text === undefined || text.length > 32 || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return null
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}

function invalid(name: string, text: string | undefined, expected = 'a value'): MortiseError {
  const found = text === undefined ? 'missing' : JSON.stringify(text.slice(0, 64))
  return new MortiseError('invalid_request', `${name}: expected ${expected}, found ${found}`)
}
