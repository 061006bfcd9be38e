import { MortiseError } from '@mortise/errors'
import { type Property, readProperties, withoutComments } from './properties.ts'

/** Properties by what a plain selector names: `.class`, `#id` or an element; `*` holds those of all other selectors. */
export type Styles = { rules: number; bySelector: Map<string, Property[]> }

const plain = /^[.#]?[\w-]+$/

/**
 * What style sheets say, roughly: enough to know what work they bring. Throws `invalid_request` for what would load
 * something, or hides what it says.
 */
export function readStyles(css: string): Styles {
  if (/@import|\\/i.test(css)) throw new MortiseError('invalid_request', 'an SVG with @import or escapes in its styles')
  const bySelector = new Map<string, Property[]>()
  let rules = 0
  for (const rule of withoutComments(css).split('}')) {
    const start = rule.lastIndexOf('{')
    if (start < 0) continue
    const properties = readProperties(rule.slice(start + 1))
    for (const text of rule.slice(rule.lastIndexOf('{', start - 1) + 1, start).split(',')) {
      const selector = plain.test(text.trim()) ? text.trim() : '*'
      rules++
      if (properties.length > 0) bySelector.set(selector, [...(bySelector.get(selector) ?? []), ...properties])
    }
  }
  return { rules, bySelector }
}
