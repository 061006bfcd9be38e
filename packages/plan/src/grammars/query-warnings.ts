import type { Query } from '../address.ts'
import type { TransformSet } from '../transform-set.ts'
import { parseInteger } from '../values.ts'
import type { Warn } from './grammar.ts'
import { describeParameters, readersOf } from './parameters.ts'

/** Warns of the parameters of a query that have no effect, or less than they seem to. `set`: what was made of it. */
export function warnOfParameters(query: Query, set: TransformSet, warn: Warn): void {
  const operations = query.all('operation')
  const running = operations.length > 0 ? operations : set.resize ? ['resize'] : []
  for (const name of query.names()) {
    const readers = readersOf(name)
    if (!readers) warn(`${name}: no such parameter`)
    else if (!isRead(readers, running)) warn(`${name}: has no effect without operation=${readers.join(' or ')}`)
    else if (pixels.has(name) && parseInteger(query.get(name)) === null) warn(`${name}: counts as 0, being no number`)
    if (name !== 'operation' && query.all(name).length > 1) warn(`${name}: only the first of several counts`)
  }
  for (const name of new Set(operations)) if (!operationNames.has(name)) warn(`operation: there is no ${name}`)
  warnOfValues(query, running, warn)
}

const isRead = (readers: readonly string[], running: string[]) =>
  readers.length === 0 || readers.some(operation => running.includes(operation))

function warnOfValues(query: Query, running: string[], warn: Warn): void {
  if (running.includes('crop') && query.get('embed')) warn('embed: has no effect, as in mort')
  if (query.get('areaWith') !== undefined && query.get('areaWidth') !== undefined) warn('areaWidth: areaWith counts')
  if (running.includes('watermark') && Number(query.get('opacity')) === 0) warn('opacity: 0 is opaque, as in mort')
  if (query.get('grayscale')) warn('grayscale: is on whatever its value')
}

const operationNames = new Set(describeParameters().flatMap(({ operations }) => operations))

const pixels = new Set(['width', 'height', 'areaWith', 'areaWidth', 'areaHeight', 'top', 'left'])
