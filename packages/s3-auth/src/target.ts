/** A name and a value of the query, both in canonical encoding. */
export type Parameter = { name: string; value: string }

export type Target = {
  /** As it came. */
  path: string
  /** In the order in which they came. A parameter without a value has an empty one. */
  parameters: Parameter[]
}

export function readTarget(rawTarget: string): Target {
  const at = rawTarget.indexOf('?')
  if (at === -1) return { path: rawTarget, parameters: [] }
  const parts = rawTarget.slice(at + 1).split('&')
  return { path: rawTarget.slice(0, at), parameters: parts.filter(part => part !== '').map(readParameter) }
}

/** The decoded value of a parameter; `undefined` when there is none, or more than one. */
export function parameterOf({ parameters }: Target, name: string): string | undefined {
  const found = parameters.filter(parameter => parameter.name === name)
  return found.length === 1 ? decoded(found[0]!.value) : undefined
}

/** Each byte that is not unreserved (RFC 3986, section 2.3) as `%XX`, slashes left as they are. Encodes nothing twice. */
export function canonicalPath(path: string): string {
  return asBytes(path).replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~/-]/g, canonicalByte)
}

/** Undoes `canonicalParameter`. What is not UTF-8 stays encoded. */
export function decoded(canonical: string): string {
  try {
    return decodeURIComponent(canonical)
  } catch {
    return canonical
  }
}

function readParameter(text: string): Parameter {
  const at = text.indexOf('=')
  const [name, value] = at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
  return { name: canonicalParameter(name), value: canonicalParameter(value) }
}

/** As in forms, a plus is a space: whoever reads the query later does so as well. */
function canonicalParameter(text: string): string {
  return asBytes(text)
    .replaceAll('+', '%20')
    .replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~-]/g, canonicalByte)
}

function canonicalByte(token: string): string {
  const code = token.length === 3 ? Number.parseInt(token.slice(1), 16) : token.charCodeAt(0)
  const character = String.fromCharCode(code)
  if (/[A-Za-z0-9._~-]/.test(character)) return character
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`
}

/** One character for each byte. Node gives it so; what it cannot have given is text. */
function asBytes(text: string): string {
  return /[^\x00-\xff]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
}
