import { type Alias, type Document, type ErrorCode, isAlias, LineCounter, type Node, parseDocument, visit } from 'yaml'
import { ConfigError, type ConfigIssue } from './issues.ts'
import { readTree, type Tree } from './tree.ts'

/**
 * Reads the first document of a YAML 1.1 text. Throws {@link ConfigError} with every mistake of syntax, by line and
 * column: without the text there, which could be a secret.
 */
export function parseYaml(text: string): { tree: Tree; warnings: ConfigIssue[] } {
  const lines = new LineCounter()
  const { document, targets } = compose(text, lines)
  const mistakes: ConfigIssue[] = []
  const warnings: ConfigIssue[] = []
  for (const { code, pos } of document.errors) {
    const { line, col } = lines.linePos(pos[0])
    const path = `line ${line}, column ${col}`
    if (code === 'MULTIPLE_DOCS') warnings.push({ path, message: 'only the first document of the file is read' })
    else mistakes.push({ path, message: sentences[code] ?? 'expected YAML, found what does not fit here' })
  }
  // One missing quote makes mistakes of all that follows.
  if (mistakes.length > 0) throw new ConfigError(mistakes.slice(0, 10))
  const tree = readTree(document.contents, targets, mistakes)
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return { tree, warnings }
}

/** The messages of the parser quote the text, which could be a secret. */
const sentences: Partial<Record<ErrorCode, string>> = {
  BAD_DQ_ESCAPE: 'expected an escape sequence of YAML, found another',
  BAD_INDENT: 'expected another indentation, or a closing bracket',
  BAD_SCALAR_START: 'expected quotes around a text that starts with a reserved character',
  BLOCK_AS_IMPLICIT_KEY: 'expected one "key: value" in a line, found two',
  MISSING_CHAR: 'expected a quote, colon, comma or space, found none',
  MULTILINE_IMPLICIT_KEY: 'expected a key and its colon in one line',
  TAB_AS_INDENT: 'expected spaces for indentation, found a tab',
}

/** The failsafe schema leaves every scalar a text: each setting reads its own by the rules of YAML 1.1. */
function compose(text: string, lineCounter: LineCounter): { document: Document; targets: Map<Alias, Node> } {
  try {
    const document = parseDocument(text, {
      version: '1.1',
      schema: 'failsafe',
      resolveKnownTags: false,
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter,
    })
    return { document, targets: aliasTargets(document) }
  } catch (error) {
    // Thousands of nested brackets overflow the stack of the parser.
    throw new ConfigError([{ path: '', message: 'expected YAML, found text that the parser cannot read' }], error)
  }
}

/** An alias means the last anchor of its name before it. */
function aliasTargets(document: Document): Map<Alias, Node> {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source)
        if (target) targets.set(node, target)
      } else if (node.anchor) {
        anchors.set(node.anchor, node)
      }
    },
  })
  return targets
}
