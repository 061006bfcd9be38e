import { MortiseError } from '@mortise/errors'
import type { ByteRange } from './storage.ts'

/** The first and last byte of a range, both included. */
export type Span = { start: number; end: number }

/** Refuses (`invalid_request`) what is no range at all, whatever the size of the object. */
export function checkRange(range: ByteRange): void {
  const numbers = 'suffix' in range ? [range.suffix] : [range.start, range.end ?? range.start]
  const valid = numbers.every(n => Number.isSafeInteger(n) && n >= 0)
  if (!valid || numbers.at(-1)! < numbers[0]!)
    throw new MortiseError('invalid_request', `bad range ${printRange(range)}`)
}

/** The bytes that a range means in an object of `size` bytes (RFC 9110, section 14.1.2), or `range_not_satisfiable`. */
export function resolveRange(range: ByteRange, size: number): Span {
  const start = 'suffix' in range ? Math.max(0, size - range.suffix) : range.start
  if (start >= size) {
    throw new MortiseError('range_not_satisfiable', `range ${printRange(range)} of an object of ${size} bytes`)
  }
  const end = 'suffix' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1)
  return { start, end }
}

/** The value of a `Range` header. */
export function printRange(range: ByteRange): string {
  return 'suffix' in range ? `bytes=-${range.suffix}` : `bytes=${range.start}-${range.end ?? ''}`
}
