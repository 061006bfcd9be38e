import Builder from 'fast-xml-builder'
import { SaxesParser } from 'saxes'
import { S3Error } from './error.ts'

/** An element: text, or elements by name; several of one name are a list. `undefined` is left out. */
export type Xml = string | number | boolean | undefined | XmlElements | (Xml | XmlElements)[]
export type XmlElements = { [name: string]: Xml }

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

const builder = new Builder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressEmptyNode: false })

/** A document. Everything in it is escaped; what no XML can hold (keys of files may be anything) becomes U+FFFD. */
export function printXml(root: string, elements: XmlElements, xmlns: string | null = namespace): string {
  return builder.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    [root]: { ...(xmlns === null ? {} : { '@xmlns': xmlns }), ...(cleaned(elements) as XmlElements) },
  })
}

export function xmlResponse(root: string, elements: XmlElements, headers: Record<string, string> = {}): Response {
  const body = printXml(root, elements)
  const length = String(Buffer.byteLength(body))
  return new Response(body, { headers: { ...headers, 'content-type': 'application/xml', 'content-length': length } })
}

function cleaned(xml: Xml): Xml {
  if (Array.isArray(xml)) return xml.map(cleaned)
  if (typeof xml === 'string') return xml.toWellFormed().replace(unprintable, '\ufffd')
  if (typeof xml !== 'object') return xml
  return Object.fromEntries(
    Object.entries(xml)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, cleaned(value)]),
  )
}

/** XML 1.0, section 2.2; a carriage return would come back as a line feed. */
const unprintable = /[\x00-\x08\x0b-\x1f\ufffe\uffff]/g

/** An element that was read: its text, which may be white space, and the elements in it. */
export type Element = { name: string; text: string; children: Element[] }

const maxDepth = 8
/** Ten thousand parts with a number, an ETag and a checksum each are less. */
const maxElements = 80_000

/**
 * Reads a document with this root. Whatever is not well-formed, or declares entities, or is too deep is `MalformedXML`.
 * How long it may be is for the caller to say.
 */
export function parseXml(text: string, root: string): Element {
  const parser = new SaxesParser()
  const top: Element = { name: '', text: '', children: [] }
  const open = [top]
  let count = 0
  parser.on('error', () => {
    throw malformed()
  })
  parser.on('doctype', () => {
    throw malformed()
  })
  parser.on('opentag', ({ name }) => {
    if (open.length > maxDepth || ++count > maxElements) throw malformed()
    const element = { name: name.slice(name.indexOf(':') + 1), text: '', children: [] }
    open.at(-1)!.children.push(element)
    open.push(element)
  })
  parser.on('closetag', () => void open.pop())
  const add = (more: string) => {
    open.at(-1)!.text += more
  }
  parser.on('text', add)
  parser.on('cdata', add)
  parser.write(text).close()
  const [element] = top.children
  if (element?.name !== root) throw malformed()
  return element
}

/** The text of the one element of that name; `undefined` when there is none. */
export function textOf({ children }: Element, name: string): string | undefined {
  const found = children.filter(child => child.name === name)
  if (found.length > 1) throw malformed()
  return found[0]?.text
}

export function malformed(): S3Error {
  return new S3Error('MalformedXML', 'The XML that you provided was not well-formed or did not validate.')
}
