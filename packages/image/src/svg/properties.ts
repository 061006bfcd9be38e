import { MortiseError } from '@mortise/errors'

/** What an element says that brings more work than the element itself: which property, and which elements it names. */
export type Property = {
  kind: 'layer' | 'mask' | 'filter' | 'paint' | 'marker' | 'dash'
  ids: string[]
  /** Of a dash: how long it is with its gap. Of a filter: how many functions it names itself. Else 0. */
  amount: number
}

const kinds: Record<string, Property['kind']> = {
  opacity: 'layer',
  mask: 'mask',
  'clip-path': 'layer',
  isolation: 'layer',
  'mix-blend-mode': 'layer',
  filter: 'filter',
  fill: 'paint',
  stroke: 'paint',
  marker: 'marker',
  'marker-start': 'marker',
  'marker-mid': 'marker',
  'marker-end': 'marker',
  'stroke-dasharray': 'dash',
}

/** The declarations of a rule or of a `style` attribute. Throws `invalid_request` for what hides what it says. */
export function readProperties(declarations: string): Property[] {
  forbidEscapes(declarations)
  return withoutComments(declarations)
    .split(';')
    .flatMap(declaration => {
      const colon = declaration.indexOf(':')
      return readProperty(declaration.slice(0, colon).trim().toLowerCase(), declaration.slice(colon + 1).trim())
    })
}

/** At most one; none when it brings nothing. Throws `invalid_request` for what hides what it says. */
export function readProperty(name: string, value: string): Property[] {
  const kind = kinds[name]
  if (!kind || value === 'none') return []
  forbidEscapes(value)
  // An opacity of 1 is none.
  if (kind === 'layer' && /^[\s1.0]*1[\s.0]*$/.test(value)) return []
  const ids = [...value.matchAll(/url\(\s*["']?#([^"')]{1,200})/gi)].map(([, id = '']) => id.trim())
  const amount = amountOf(kind, value, ids)
  // Colours are no work; nor are dashes without a length, which are a plain line.
  if (kind === 'dash') return amount > 0 ? [{ kind, ids, amount }] : []
  return (kind === 'paint' || kind === 'marker') && ids.length === 0 ? [] : [{ kind, ids, amount }]
}

export function withoutComments(css: string): string {
  const [first = '', ...others] = css.split('/*')
  return first + others.map(part => part.slice(part.indexOf('*/') + 2)).join(' ')
}

// An escape can spell anything.
function forbidEscapes(css: string) {
  if (css.includes('\\')) throw new MortiseError('invalid_request', 'an SVG with escapes in its styles')
}

function amountOf(kind: Property['kind'], value: string, ids: string[]): number {
  if (kind === 'filter') return value.split('(').length - 1 - ids.length
  if (kind !== 'dash') return 0
  // Units are left out: the smallest of them is the one that is written without.
  const lengths = value.split(/[\s,]+/).map(text => Math.abs(Number.parseFloat(text)) || 0)
  return lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, lengths.length / 2)
}
