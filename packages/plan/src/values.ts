import { MortiseError } from '@mortise/errors'
import { type Format, formats } from '@mortise/operations'

/** The sentence about a value that cannot be. `found`: what came in its place; `undefined` when nothing did. */
export function invalid(name: string, found: unknown, expected: string): MortiseError {
  const text = found === undefined ? 'nothing' : typeof found === 'string' ? JSON.stringify(found.slice(0, 64)) : found
  return new MortiseError('invalid_request', `${name}: expected ${expected}, found ${text}`)
}

/** Runs it, and says of what it refuses that it is at `place`. */
export function at<T>(place: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof MortiseError)) throw error
    throw new MortiseError(error.code, `${place}: ${error.message}`, { cause: error })
  }
}

const maxInt32 = 2 ** 31 - 1

/** A base-10 integer of 32 bits with an optional sign, or `null`. */
export function parseInteger(text: string | undefined): number | null {
  if (text === undefined || !/^[+-]?\d{1,10}$/.test(text)) return null
  // Adding 0 makes -0 a 0.
  const value = Number(text) + 0
  return value >= -maxInt32 - 1 && value <= maxInt32 ? value : null
}

/** A finite decimal number, or `null`; unlike mort, which lets NaN pass its checks. */
export function parseDecimal(text: string | undefined): number | null {
  if (text === undefined || text.length > 32 || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return null
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}

export function readInteger(name: string, text: string | undefined): number {
  const value = parseInteger(text)
  if (value === null) throw invalid(name, text, 'a whole number of 32 bits')
  return value
}

export function readDecimal(name: string, text: string | undefined): number {
  const value = parseDecimal(text)
  if (value === null) throw invalid(name, text, 'a number')
  return value
}

/** 0 is absent. */
export function px(name: string, value: number): number {
  if (!(Number.isInteger(value) && value >= 0 && value <= maxInt32)) throw invalid(name, value, 'px, not below 0')
  return value
}

export function whole(name: string, value: number, [min, max]: [number, number]): number {
  if (!(Number.isInteger(value) && value >= min && value <= max)) throw invalid(name, value, `${min} to ${max}`)
  return value
}

export function above0(name: string, value: number, max: number): number {
  if (!(value > 0 && value <= max)) throw invalid(name, value, `a number above 0, up to ${max}`)
  return value
}

export function quality(value: number): number {
  return whole('quality', value, [1, 100])
}

/** `jpg` is `jpeg`. */
export function format(text: string): Format {
  const found = formats.find(name => name === (text === 'jpg' ? 'jpeg' : text))
  if (!found) throw invalid('format', text, `one of ${formats.join(', ')}`)
  return found
}
