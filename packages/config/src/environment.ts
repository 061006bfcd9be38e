export type Environment = Readonly<Record<string, string | undefined>>

export type Expansion = {
  text: string
  /** Names that were replaced by nothing, each with the line of its first use, in the order of the text. */
  missing: { name: string; line: number }[]
}

/**
 * Replaces `$NAME` and `${NAME}` in the raw text, comments and quoted strings included, as mort does before it reads
 * the YAML. There is no escape. A `$` before anything else stays, so the end anchor of a regexp survives before a quote.
 *
 * `null` when the result would be longer than `limit` characters.
 */
export function expandEnvironment(text: string, env: Environment, limit: number): Expansion | null {
  const missing = new Map<string, number>()
  let length = text.length
  const value = (name: string, offset: number) => {
    const found = Object.hasOwn(env, name) ? env[name] : undefined
    if (found === undefined && !missing.has(name)) missing.set(name, offset)
    length += found?.length ?? 0
    // Beyond the limit nothing is added any more: what is built stays small, and is then refused.
    return length > limit ? '' : (found ?? '')
  }

  // Behind the last brace no `${` is closed and each is swallowed. Looking for its end there would cost the square of
  // the length.
  const split = text.lastIndexOf('}') + 1
  const head = text
    .slice(0, split)
    .replace(closed, (_, braced?: string, bare?: string, offset = 0) =>
      braced === '' ? '' : value((braced ?? bare)!, offset),
    )
  const tail = text
    .slice(split)
    .replace(open, (_, bare?: string, offset = 0) => (bare ? value(bare, split + offset) : ''))
  return length > limit ? null : { text: head + tail, missing: withLines(text, missing) }
}

/** A variable of one special character, or a name. What follows a special character is text again. */
const bareName = '([*#$@!?0-9-]|[A-Za-z_][A-Za-z0-9_]*)'
const closed = new RegExp(`\\$(?:\\{([^}]*)\\}|${bareName})`, 'g')
const open = new RegExp(`\\$(?:\\{|${bareName})`, 'g')

function withLines(text: string, missing: Map<string, number>): Expansion['missing'] {
  const lines: Expansion['missing'] = []
  let line = 1
  let position = 0
  const inOrder = [...missing].sort(([, a], [, b]) => a - b)
  for (const [name, offset] of inOrder) {
    for (; position < offset; position++) if (text[position] === '\n') line++
    lines.push({ name, line })
  }
  return lines
}
