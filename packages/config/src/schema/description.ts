import type { z } from 'zod'

/** What the reference of the configuration tells about a setting. */
export type Description = {
  type: string
  text: string
  /** As in the file. Absent: the setting has no default. */
  default?: string
  inner?: Inner
}

export type Inner = { kind: 'list' | 'map'; of: z.ZodType } | { kind: 'section'; shape: Shape }

export type Shape = Record<string, z.ZodType>

/** Ties the description to the schema; gives the schema back. */
export function described<S extends z.ZodType>(schema: S, description: Description): S {
  descriptions.set(schema, description)
  return schema
}

export function descriptionOf(schema: z.ZodType): Description {
  const description = descriptions.get(schema)
  if (!description) throw new Error('a setting without a description')
  return description
}

const descriptions = new WeakMap<z.ZodType, Description>()
