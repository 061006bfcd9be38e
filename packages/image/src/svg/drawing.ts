import { MortiseError } from '@mortise/errors'
import { type Property, readProperties, readProperty } from './properties.ts'
import type { Document, Element } from './read.ts'
import {
  cornersOf,
  dashesMs,
  elementMs,
  layerMs,
  layerPictures,
  markersMs,
  pathMs,
  patternMs,
  pictureMs,
  primitiveMs,
  repeats,
  stopMs,
  textMs,
} from './weights.ts'

/** How much work it is to draw an SVG, at most and by estimate. */
export type Drawing = {
  /** ms, whatever the size */
  once: number
  /** ms for each megapixel of the picture */
  perMegapixel: number
  /** ms, and ms for each megapixel, for what is done anew for each strip of the picture: pictures in it, and filters. */
  decoding: number
  filtering: number
  /** Pictures of the same size that are in memory at one time besides the one that is made. */
  layers: number
  /** Pixels of the pictures that it holds. */
  pixels: number
}

/** Rules times elements: the renderer tries every rule on every element. */
const maxMatches = 2_000_000
/** How far references may lead from one element to the next. */
const maxChain = 500

/** Of a document whose pictures are measured. Throws `limit_exceeded` for references and styles without end. */
export function readDrawing(document: Document): Drawing {
  const elements = count(document.root)
  if (elements * document.styles.rules > maxMatches) throw new MortiseError('limit_exceeded', 'an SVG with many styles')
  const { shapes: _shapes, corners: _corners, ...work } = createEstimate(document).draw(document.root, 0)
  return { ...work, pixels: document.pictures.reduce((sum, picture) => sum + picture.pixels, 0) }
}

/** ms to draw all of it in this size. */
export function drawingMs({ once, perMegapixel, decoding, filtering }: Drawing, area: number, height: number): number {
  const megapixels = area / 1e6
  return once + perMegapixel * megapixels + (decoding + filtering * megapixels) * repeats(height)
}

type Work = Omit<Drawing, 'pixels'> & {
  /** How many shapes are painted, and how many corners they can have at most. */
  shapes: number
  corners: number
}

const nothing: Work = { once: 0, perMegapixel: 0, decoding: 0, filtering: 0, layers: 0, shapes: 0, corners: 0 }

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

function drawAlone({ name, attributes, text, pictures }: Element): Work {
  const decoding = pictures.reduce((sum, picture) => sum + pictureMs(picture), 0)
  if (name.startsWith('fe')) return { ...nothing, decoding, filtering: primitiveMs(name, attributes) }
  if (name === 'stop') return { ...nothing, perMegapixel: stopMs }
  if (!shapes.has(name)) return nothing
  const corners = Math.max(2, cornersOf(attributes.d ?? attributes.points ?? ''))
  const once = elementMs.once + pathMs(corners) + (name === 'text' ? textMs(text) : 0)
  return { ...nothing, once, perMegapixel: elementMs.perMegapixel, decoding, shapes: 1, corners }
}

/** `whole` in a picture of its own, which `named`, a mask or a filter, changes. */
function layered(kind: keyof typeof layerMs, functionCount: number, whole: Work, named: Work): Work {
  const functions = functionCount * primitiveMs('feDropShadow', {})
  const sum = together(whole, named)
  const layers = sum.layers + layerPictures[kind]
  return { ...sum, perMegapixel: sum.perMegapixel + layerMs[kind], filtering: sum.filtering + functions, layers }
}

const together = (one: Work, other: Work): Work => ({
  once: one.once + other.once,
  perMegapixel: one.perMegapixel + other.perMegapixel,
  decoding: one.decoding + other.decoding,
  filtering: one.filtering + other.filtering,
  layers: Math.max(one.layers, other.layers),
  shapes: one.shapes + other.shapes,
  corners: one.corners + other.corners,
})

const times = ({ once, perMegapixel, decoding, filtering, layers }: Work, often: number): Work => ({
  ...nothing,
  once: once * often,
  perMegapixel: perMegapixel * often,
  decoding: decoding * often,
  filtering: filtering * often,
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
