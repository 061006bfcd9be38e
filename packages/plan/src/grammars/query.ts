import type { Query } from '../address.ts'
import { record } from '../record.ts'
import { isEmpty, newSet, type TransformSet } from '../transform-set.ts'
import { invalid, parseDecimal, parseInteger, readDecimal, readInteger, whole } from '../values.ts'
import type { Grammar } from './grammar.ts'
import { parentPath } from './path.ts'
import { warnOfParameters } from './query-warnings.ts'

/** `?width=300&format=webp`: mort's `query` kind. The parent is the path itself. */
export function createQueryGrammar({ bucket, parentBucket }: { bucket: string; parentBucket: string | null }): Grammar {
  return ({ key, query, warn }) => {
    const set = parseQuerySet(query)
    if (warn) warnOfParameters(query, set, warn)
    return isEmpty(set) ? null : { sets: [set], parent: parentPath(parentBucket ?? bucket, key) }
  }
}

/** Of one query. mort takes any number. */
const maxOperations = 64

/** The transform set of a query. All operations of one query share its parameters. */
export function parseQuerySet(query: Query): TransformSet {
  const set = newSet()
  const operations = query.all('operation')
  if (operations.length === 0) implicitResize(set, query)
  else if (operations[0] === '') throw invalid('operation', '', 'a name')
  if (operations.length > maxOperations) throw invalid('operation', operations.length, `at most ${maxOperations}`)
  for (const name of operations) {
    if (isOperation(name)) recorders[name](set, query)
  }
  const quality = query.get('quality')
  if (quality !== undefined) record.quality(set, readInteger('quality', quality))
  const format = query.get('format')
  if (format !== undefined) record.format(set, format)
  // Its presence alone switches it on, whatever its value.
  if (query.get('grayscale') !== undefined) record.grayscale(set)
  return set
}

/** The others are passed over. */
function isOperation(name: string): name is keyof typeof recorders {
  return Object.hasOwn(recorders, name)
}

const recorders = {
  resize(set: TransformSet, query: Query) {
    const size = sizeOf(query)
    if (size.width === 0 && size.height === 0) throw invalid('resize', undefined, 'width or height')
    record.resize(set, { ...size, ...plain })
  },
  crop(set: TransformSet, query: Query) {
    const [gravity, embed] = [query.get('gravity'), query.get('embed')]
    record.crop(set, { ...sizeOf(query), gravity, enlarge: false, embed: embed !== undefined && embed !== '' })
  },
  resizeCropAuto(set: TransformSet, query: Query) {
    record.resizeCropAuto(set, sizeOf(query))
  },
  extract(set: TransformSet, query: Query) {
    record.extract(set, {
      left: lenient(query.get('left')),
      top: lenient(query.get('top')),
      // mort spells the first one with a typo that URLs out there carry.
      width: lenient(query.get('areaWith') ?? query.get('areaWidth')),
      height: lenient(query.get('areaHeight')),
    })
  },
  watermark(set: TransformSet, query: Query) {
    const [image = '', position = ''] = [query.get('image'), query.get('position')]
    // A URL comes from anybody, so it names no file.
    record.watermark(set, { image, position, opacity: readDecimal('opacity', query.get('opacity')), file: false })
  },
  blur(set: TransformSet, query: Query) {
    record.blur(set, readDecimal('sigma', query.get('sigma')), parseDecimal(query.get('minAmpl')) ?? 0, true)
  },
  rotate(set: TransformSet, query: Query) {
    record.rotate(set, readInteger('angle', query.get('angle')))
  },
}

const plain = { outbound: false, keep: false, fill: false }

/** Without an operation, sizes mean resize, and each must be a positive integer. */
function implicitResize(set: TransformSet, query: Query): void {
  const [width, height] = [query.get('width'), query.get('height')]
  if (width === undefined && height === undefined) return
  record.resize(set, { width: positive('width', width), height: positive('height', height), ...plain })
}

function positive(name: string, text: string | undefined): number {
  return text === undefined ? 0 : whole(name, readInteger(name, text), [1, 2 ** 31 - 1])
}

function sizeOf(query: Query): { width: number; height: number } {
  return { width: lenient(query.get('width')), height: lenient(query.get('height')) }
}

/** In an explicit operation text that is no number counts as 0. */
function lenient(text: string | undefined): number {
  return parseInteger(text) ?? 0
}
