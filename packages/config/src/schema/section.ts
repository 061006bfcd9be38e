import { z } from 'zod'
import { isTreeMap } from '../tree.ts'
import { described, descriptionOf, type Shape } from './description.ts'
import { isAbsent, print } from './setting.ts'

/** Absent is empty. */
export function list<T>(item: z.ZodType<T>, text: string): z.ZodType<T[]> {
  const type = `list of ${descriptionOf(item).type}`
  const read = presentOr(Array.isArray, 'a list', () => [])
  return described(z.preprocess(read, z.array(item)), { type, text, inner: { kind: 'list', of: item } })
}

/** Any names. Absent is empty. */
export function map<T>(value: z.ZodType<T>, text: string): z.ZodType<Record<string, T>> {
  const read = presentOr(isTreeMap, 'a mapping', () => ({}))
  // Names come from a file and are looked up with names from URLs: nothing may be inherited.
  const bare = (record: Record<string, T>): Record<string, T> => Object.assign(Object.create(null), record)
  const schema = z.preprocess(read, z.record(z.string(), value).transform(bare))
  return described(schema, { type: `map of ${descriptionOf(value).type}`, text, inner: { kind: 'map', of: value } })
}

/** Known names. Absent is a section of defaults. `closed`: other names are mistakes; mort does not start with them. */
export function section<S extends Shape>(shape: S, text: string, { closed = false } = {}): z.ZodType<SectionOf<S>> {
  const read = presentOr(isTreeMap, 'a mapping', () => ({}))
  const readClosed = (value: unknown, context: z.RefinementCtx) => {
    for (const name in isTreeMap(value) ? value : {}) {
      if (Object.hasOwn(shape, name)) continue
      const message = `expected one of ${Object.keys(shape).join(', ')}, found another name`
      context.addIssue({ code: 'custom', path: [name], message })
    }
    return read(value, context)
  }
  return sectionSchema(z.preprocess(closed ? readClosed : read, z.strictObject(shape)), shape, text)
}

/** As {@link section}, `null` when absent. `strict`: a name without a value is a mistake, as in mort. */
export function optionalSection<S extends Shape>(
  shape: S,
  text: string,
  { strict = false } = {},
): z.ZodType<SectionOf<S> | null> {
  const read = presentOr(isTreeMap, 'a mapping', () => null, strict)
  return sectionSchema(z.preprocess(read, z.strictObject(shape).nullable()), shape, text)
}

type SectionOf<S extends Shape> = { [K in keyof S]: z.output<S[K]> }

/** The cast: zod computes the same type in a form that cannot be named here. */
function sectionSchema<T>(schema: z.ZodType, shape: Shape, text: string): z.ZodType<T> {
  return described(schema as z.ZodType<T>, { type: 'section', text, inner: { kind: 'section', shape } })
}

/** Puts `empty` where nothing is, and refuses what has another form. `strict`: only where there is no name either. */
function presentOr<T>(fits: (value: unknown) => boolean, expected: string, empty: () => T, strict = false) {
  return (value: unknown, context: z.RefinementCtx) => {
    if (strict ? value === undefined : isAbsent(value)) return empty()
    if (fits(value)) return value
    context.addIssue({ code: 'custom', message: `expected ${expected}, found ${print(value)}` })
    return z.NEVER
  }
}
