import { MortiseError } from '@mortise/errors'
import { SaxesParser, type SaxesTagPlain } from 'saxes'
import { readEntities } from './entities.ts'
import { type Picture, readPictures, withoutSpace } from './pictures.ts'
import { readStyles, type Styles } from './styles.ts'

export type Element = {
  /** Without a prefix. */
  name: string
  attributes: Record<string, string>
  children: Element[]
  /** Characters between its tags, those of its children included. */
  text: number
  /** What its own address holds. */
  pictures: Picture[]
}

export type Document = {
  root: Element
  byId: Map<string, Element[]>
  styles: Styles
  /** Those of all elements. */
  pictures: Picture[]
}

/** As many as the renderer's own parser allows. */
const maxDepth = 256
/** Characters, without those of pictures: each of the others may bring work. */
const maxMarkup = 512 * 1024
/** A reference may mean any of them. */
const maxNamesakes = 100

/**
 * The elements of an SVG, without drawing any. Throws `undecodable` for what is no XML or no SVG, `limit_exceeded`, and
 * `invalid_request` for what would make the renderer load something else.
 */
export function readSvg(bytes: Uint8Array): Document {
  const open: Element[] = []
  const byId = new Map<string, Element[]>()
  const pictures: Picture[] = []
  let root: Element | null = null
  let css = ''
  let embedded = 0

  const parser = new SaxesParser({ xmlns: false })
  const checkSize = (size = parser.position) => {
    if (size - embedded > maxMarkup) throw new MortiseError('limit_exceeded', 'an SVG of too much text')
  }
  parser.on('xmldecl', ({ encoding }) => requireKnown(encoding))
  parser.on('doctype', text => {
    checkSize()
    Object.assign(parser.ENTITIES, readEntities(text))
  })
  parser.on('processinginstruction', ({ target, body }) => {
    if (target === 'xml-stylesheet') forbidData(target, body)
  })
  parser.on('opentag', tag => {
    if (open.length === maxDepth) throw new MortiseError('limit_exceeded', `an SVG deeper than ${maxDepth} elements`)
    const element = elementOf(tag)
    pictures.push(...element.pictures)
    for (const { bytes } of element.pictures) embedded += bytes.byteLength * (4 / 3)
    checkSize()
    open.at(-1)?.children.push(element)
    root ??= element
    open.push(element)
    const { id } = element.attributes
    if (id) nameIt(element, id)
  })
  parser.on('closetag', () => {
    const closed = open.pop()
    const parent = open.at(-1)
    if (closed && parent) parent.text += closed.text
  })
  function nameIt(element: Element, id: string) {
    const namesakes = byId.get(id) ?? []
    if (namesakes.length === maxNamesakes) throw new MortiseError('invalid_request', 'an SVG with one id everywhere')
    byId.set(id, [...namesakes, element])
  }
  const take = (text: string) => {
    const parent = open.at(-1)
    if (parent?.name === 'style') css += text
    else if (parent) parent.text += text.length
  }
  parser.on('text', take)
  parser.on('cdata', take)
  parse(parser, bytes)
  checkSize(bytes.byteLength)
  // Only the compiler does not see that the handlers assign it.
  const found = root as Element | null
  if (found?.name !== 'svg') throw new MortiseError('undecodable', `the root is ${found?.name ?? 'missing'}, not svg`)
  forbidData('style', css)
  return { root: found, byId, styles: readStyles(css), pictures }
}

function parse(parser: SaxesParser<{ xmlns: false }>, bytes: Uint8Array) {
  try {
    // What is not UTF-8 becomes another character here, and never a tag: every encoding that is allowed has ASCII below.
    parser.write(new TextDecoder().decode(bytes)).close()
  } catch (error) {
    if (error instanceof MortiseError) throw error
    throw new MortiseError('undecodable', `an SVG that is no XML: ${(error as Error).message.slice(0, 200)}`)
  }
}

function requireKnown(encoding: string | undefined) {
  if (!encoding || /^(utf-?8|us-ascii|iso-8859-\d+|windows-125\d)$/i.test(encoding)) return
  throw new MortiseError('undecodable', `an SVG in ${encoding.slice(0, 40)}`)
}

function elementOf({ name: tag, attributes }: SaxesTagPlain): Element {
  const name = withoutPrefix(tag)
  const pictures: Picture[] = []
  for (const [key, value] of Object.entries(attributes)) {
    const address = withoutPrefix(key) === 'href'
    if (address && showsPictures.has(name)) pictures.push(...readPictures(value))
    else if (address || key === 'style' || value.includes('url(')) forbidData(key, value)
    // The renderer would draw in a size that the square of this makes.
    if (key === 'kernelUnitLength') throw new MortiseError('invalid_request', 'an SVG with kernelUnitLength')
  }
  return { name, attributes, children: [], text: 0, pictures }
}

const showsPictures = new Set(['image', 'feImage'])

const withoutPrefix = (name: string) => name.slice(name.indexOf(':') + 1)

// The renderer loads no file and nothing from a network, but it does read what an address itself holds.
function forbidData(where: string, value: string): void {
  if (!/data:/i.test(withoutSpace(value))) return
  throw new MortiseError('invalid_request', `an SVG with data: in ${where.slice(0, 40)}`)
}
