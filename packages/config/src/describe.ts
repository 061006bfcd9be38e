import type { z } from 'zod'
import { descriptionOf } from './schema/description.ts'
import { root } from './schema/root.ts'

/** One setting of the file, for the reference. */
export type SettingDescription = {
  /** `*` stands for any name, `[]` for each item. */
  path: string
  type: string
  /** As in the file; `null` when there is none. */
  default: string | null
  description: string
}

/** Every setting, in the order of the schema: a section before what is in it. */
export function describeConfig(): SettingDescription[] {
  return describe(root, '')
}

function describe(schema: z.ZodType, path: string): SettingDescription[] {
  const { type, text, default: fallback = null, inner } = descriptionOf(schema)
  const self = path === '' ? [] : [{ path, type, default: fallback, description: text }]
  if (!inner) return self
  if (inner.kind === 'section') {
    const names = Object.entries(inner.shape)
    return [...self, ...names.flatMap(([name, setting]) => describe(setting, path === '' ? name : `${path}.${name}`))]
  }
  const below = inner.kind === 'list' ? `${path}[]` : `${path}.*`
  // What is in a list or a map of plain values is told by its type.
  return descriptionOf(inner.of).inner ? [...self, ...describe(inner.of, below)] : self
}
