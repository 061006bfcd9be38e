import { MortiseError } from '@mortise/errors'
import { type Property, readProperties, readProperty } from './properties.ts'
import { type Document, type Element, readSvg } from './read.ts'
import {
  cornersOf,
  dashesMs,
  elementMs,
  layerMs,
  layerPictures,
  markersMs,
  pathMs,
  patternMs,
  primitiveMs,
  stopMs,
  textMs,
} from './weights.ts'

/** How much work it is to draw an SVG, at most and by estimate. */
export type Drawing = {
  /** ms, whatever the size */
  once: number
  /** ms for each megapixel of the picture */
  perMegapixel: number
  /** Pictures of the same size that are in memory at one time besides the one that is made. */
  layers: number
}

/** Rules times elements: the renderer tries every rule on every element. */
const maxMatches = 2_000_000
/** How far references may lead from one element to the next. */
const maxChain = 500

/** Throws what {@link readSvg} throws, and `limit_exceeded` for references and styles without end. */
export function readDrawing(bytes: Uint8Array): Drawing {
  const document = readSvg(bytes)
  const elements = count(document.root)
  if (elements * document.styles.rules > maxMatches) throw new MortiseError('limit_exceeded', 'an SVG with many styles')
  const { once, perMegapixel, layers } = createEstimate(document).draw(document.root, 0)
  return { once, perMegapixel, layers }
}

type Work = Drawing & {
  /** How many shapes are painted, and how many corners they can have at most. */
  shapes: number
  corners: number
}

const nothing: Work = { once: 0, perMegapixel: 0, layers: 0, shapes: 0, corners: 0 }

/** These are drawn only where something refers to them. */
const definitions = new Set(
  [
    'defs symbol clipPath mask marker pattern linearGradient radialGradient filter style script metadata title desc',
  ].flatMap(names => names.split(' ')),
)
const shapes = new Set('path rect circle ellipse line polyline polygon text image'.split(' '))

function createEstimate({ byId, styles }: Document) {
  const known = new Map<Element, Work>()

  /** Each element is looked at once, however often it is used; one that uses itself is not drawn again. */
  function draw(element: Element, chain: number): Work {
    const before = known.get(element)
    if (before) return before
    if (chain > maxChain)
      throw new MortiseError('limit_exceeded', `an SVG with more than ${maxChain} references in line`)
    known.set(element, nothing)
    const work = withProperties(element, drawContent(element, chain), chain)
    known.set(element, work)
    return work
  }

  function drawContent(element: Element, chain: number): Work {
    const own = drawAlone(element)
    const parts = element.children.filter(({ name }) => !definitions.has(name)).map(child => draw(child, chain + 1))
    const targets = Object.entries(element.attributes)
      .filter(([name]) => name === 'href' || name.endsWith(':href'))
      .map(([, target]) => refer(/^\s*#/.test(target) ? target.trim().slice(1) : '', chain))
    return [...parts, ...targets].reduce(together, own)
  }

  function withProperties(element: Element, work: Work, chain: number): Work {
    let whole = work
    for (const { kind, ids, amount } of propertiesOf(element)) {
      const named = ids.map(id => refer(id, chain)).reduce(together, nothing)
      // Paint, dashes and markers are handed down to all shapes inside.
      if (kind === 'paint') whole = together(whole, times(painted(named), work.shapes))
      else if (kind === 'dash') whole = { ...whole, once: whole.once + dashesMs(dashed(work), amount) }
      else if (kind === 'marker') whole = together(whole, marked(named, work.corners))
      else whole = layered(kind, amount, whole, named)
    }
    return whole
  }

  const refer = (id: string, chain: number) => {
    // Of several with one id only one is drawn; which, need not be known.
    return (byId.get(id) ?? []).map(target => draw(target, chain + 1)).reduce(together, nothing)
  }

  function propertiesOf({ name, attributes }: Element): Property[] {
    const classes = (attributes.class ?? '').split(/\s+/).map(word => `.${word}`)
    const styled = ['*', name, `#${attributes.id ?? ''}`, ...classes].flatMap(key => styles.bySelector.get(key) ?? [])
    const own = Object.entries(attributes).flatMap(([key, value]) => readProperty(key, value))
    return [...styled, ...own, ...readProperties(attributes.style ?? '')]
  }

  return { draw }
}

function drawAlone({ name, attributes, text }: Element): Work {
  if (name.startsWith('fe')) return { ...nothing, perMegapixel: primitiveMs[name] ?? 0 }
  if (name === 'stop') return { ...nothing, perMegapixel: stopMs }
  if (!shapes.has(name)) return nothing
  const corners = Math.max(2, cornersOf(attributes.d ?? attributes.points ?? ''))
  const once = elementMs.once + pathMs(corners) + (name === 'text' ? textMs(text) : 0)
  return { once, perMegapixel: elementMs.perMegapixel, layers: 0, shapes: 1, corners }
}

/** `whole` in a picture of its own, which `named`, a mask or a filter, changes. */
function layered(kind: keyof typeof layerMs, functionCount: number, whole: Work, named: Work): Work {
  const functions = functionCount * (primitiveMs.feDropShadow ?? 0)
  const sum = together(whole, named)
  const layers = sum.layers + layerPictures[kind]
  return { ...sum, perMegapixel: sum.perMegapixel + functions + layerMs[kind], layers }
}

const together = (one: Work, other: Work): Work => ({
  once: one.once + other.once,
  perMegapixel: one.perMegapixel + other.perMegapixel,
  layers: Math.max(one.layers, other.layers),
  shapes: one.shapes + other.shapes,
  corners: one.corners + other.corners,
})

const times = ({ once, perMegapixel, layers }: Work, often: number): Work => ({
  ...nothing,
  once: once * often,
  perMegapixel: perMegapixel * often,
  layers,
})

/** A gradient has no shapes, a pattern is a picture that is made first. */
const painted = (paint: Work): Work =>
  paint.shapes === 0 ? paint : { ...paint, perMegapixel: paint.perMegapixel + patternMs }

/** Corners of a path lie closer to each other the more there are. */
const dashed = ({ corners, shapes }: Work) => Math.min(corners, 100 * shapes)

const marked = (marker: Work, corners: number): Work => {
  const work = times(marker, corners)
  return { ...work, once: work.once + markersMs(corners) }
}

const count = ({ children }: Element): number => children.reduce((sum, child) => sum + count(child), 1)
