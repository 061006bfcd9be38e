import { z } from 'zod'
import { printScalar, readBool, readFloat, readInt, Scalar } from '../scalar.ts'
import { type Description, described } from './description.ts'

export type Output<S extends z.ZodType> = z.output<S>

/** The source text of any scalar, whatever it looks like. Empty text is the default. */
export function text(text: string, fallback = ''): z.ZodType<string> {
  const read = (scalar: Scalar) => scalar.text
  const description = { type: 'text', text, default: fallback || undefined }
  return leaf(description, { fallback, expected: 'a text', read, textual: true })
}

type ParsedOptions<F> = {
  expected: string
  /** What is found is not to be told. */
  secret?: boolean
  fallback: F
  /** The default as in the file. */
  printed?: string
}

/** A text that `parse` turns into something else, or into `null` when it is not as expected. */
export function parsed<T, F>(
  text: string,
  parse: (text: string) => T | null,
  { expected, secret, fallback, printed }: ParsedOptions<F>,
): z.ZodType<T | F> {
  const read = (scalar: Scalar) => parse(scalar.text)
  const description = { type: 'text', text, default: printed }
  return leaf<T | F>(description, { fallback, expected, read, textual: true, secret })
}

/** One of some words; `null` when absent. */
export function optionalChoice<const T extends string>(words: readonly T[], text: string): z.ZodType<T | null> {
  const read = (scalar: Scalar) => words.find(word => word === scalar.text) ?? null
  const expected = `one of ${words.join(', ')}`
  return leaf<T | null>({ type: words.join(' | '), text }, { fallback: null, expected, read, textual: true })
}

/** One of some words. */
export function choice<const T extends string>(words: readonly T[], text: string, fallback: T): z.ZodType<T> {
  const read = (scalar: Scalar) => words.find(word => word === scalar.text) ?? null
  const expected = `one of ${words.join(', ')}`
  return leaf<T>({ type: words.join(' | '), text, default: fallback }, { fallback, expected, read, textual: true })
}

type IntOptions = {
  default?: number
  min?: number
  max?: number
  /** Values that mean the default. */
  unset?: readonly number[]
}

export function int(text: string, { default: fallback = 0, min, max, unset = [] }: IntOptions = {}): z.ZodType<number> {
  const low = min ?? Number.MIN_SAFE_INTEGER
  const high = max ?? Number.MAX_SAFE_INTEGER
  const read = (scalar: Scalar) => {
    const value = readInt(scalar)
    if (value === null) return null
    if (unset.includes(value)) return fallback
    return value >= low && value <= high ? value : null
  }
  const range = max !== undefined ? ` from ${low} to ${high}` : min !== undefined ? ` of at least ${low}` : ''
  const expected = `a whole number${range}`
  return leaf({ type: 'int', text, default: String(fallback) }, { fallback, expected, read })
}

export function float(text: string): z.ZodType<number> {
  return leaf({ type: 'float', text, default: '0' }, { fallback: 0, expected: 'a number', read: readFloat })
}

export function bool(text: string, fallback = false): z.ZodType<boolean> {
  return leaf({ type: 'bool', text, default: String(fallback) }, { fallback, expected: expectedBool, read: readBool })
}

/** `null` when absent. */
export function optionalBool(text: string): z.ZodType<boolean | null> {
  return leaf<boolean | null>({ type: 'bool', text }, { fallback: null, expected: expectedBool, read: readBool })
}

/** Whether the name is there, whatever its value. */
export function presence(text: string): z.ZodType<boolean> {
  const schema = z
    .unknown()
    .optional()
    .transform(value => value !== undefined)
  return described(schema, { type: 'present or not', text })
}

/** Not in the file, or without a value there. */
export function isAbsent(value: unknown): boolean {
  return value === undefined || (value instanceof Scalar && value.absent)
}

/** What was found, for a message. */
export function print(value: unknown): string {
  if (value instanceof Scalar) return printScalar(value)
  return Array.isArray(value) ? 'a list' : 'a mapping'
}

const expectedBool = 'true or false (yes, no, on, off), without quotes'

type LeafOptions<T> = {
  fallback: T
  expected: string
  /** `null`: not as expected. */
  read: (scalar: Scalar) => T | null
  /** Quotes with nothing between them are the default too. */
  textual?: boolean
  secret?: boolean
}

function leaf<T>(
  description: Description,
  { fallback, expected, read, textual, secret }: LeafOptions<T>,
): z.ZodType<T> {
  const schema = z
    .unknown()
    .optional()
    .transform((value, context): T => {
      const isScalar = value instanceof Scalar
      if (isAbsent(value) || (textual && isScalar && value.text === '')) return fallback
      const result = isScalar ? read(value) : null
      if (result !== null) return result
      const found = secret && isScalar ? 'another text' : print(value)
      context.addIssue({ code: 'custom', message: `expected ${expected}, found ${found}` })
      return z.NEVER
    })
  return described(schema, description)
}
