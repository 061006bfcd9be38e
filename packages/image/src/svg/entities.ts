import { MortiseError } from '@mortise/errors'

const maxEntities = 64
const maxLength = 256

/**
 * The entities that a document type declares, as drawing programs do for names of namespaces: plain text only. All other
 * declarations are refused (`invalid_request`): an entity for elements, for other entities or for a file, and attributes
 * that nobody has written.
 */
export function readEntities(doctype: string): Record<string, string> {
  const start = doctype.indexOf('[')
  if (start < 0) return {}
  const [before = '', ...declarations] = doctype.slice(start + 1, doctype.lastIndexOf(']')).split('<!ENTITY')
  if (before.trim() !== '' || declarations.length > maxEntities) throw refused()
  const entities: Record<string, string> = {}
  for (const declaration of declarations) {
    const [, name, , value] = /^\s+([\w.:-]{1,64})\s+(["'])([^"'<&%]*)\2\s*>\s*$/.exec(declaration) ?? []
    if (name === undefined || value === undefined || value.length > maxLength) throw refused()
    entities[name] ??= value
  }
  return entities
}

const refused = () => new MortiseError('invalid_request', 'an SVG that declares more than plain text')
