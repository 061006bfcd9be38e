import { type Alias, isAlias, isMap, isScalar, isSeq, type Node } from 'yaml'
import { ConfigError, type ConfigIssue, type Path, printPath } from './issues.ts'
import { Scalar } from './scalar.ts'

/** A YAML file whose scalars are still text. Maps have no prototype; aliases and merge keys are written out. */
export type Tree = Scalar | Tree[] | TreeMap
export type TreeMap = { [name: string]: Tree }

export function isTreeMap(tree: unknown): tree is TreeMap {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree) && !(tree instanceof Scalar)
}

/**
 * Reads a node of the parser. What cannot be read is added to `mistakes`; too many levels or values throw
 * {@link ConfigError} at once. `targets`: the node that each alias stands for.
 */
export function readTree(root: unknown, targets: ReadonlyMap<Alias, Node>, mistakes: ConfigIssue[]): Tree {
  let values = 0

  function read(node: unknown, path: Path): Tree {
    if (++values > maxValues) throw mistake(path, `expected at most ${maxValues} values, aliases written out`)
    if (path.length > maxDepth)
      throw mistake(path.slice(0, 4), `expected at most ${maxDepth} levels, aliases written out`)
    if (isAlias(node)) return readAlias(node, path)
    if (isMap(node)) return readMap(node.items, path)
    if (isSeq(node)) return node.items.map((item, index) => read(item, [...path, index]))
    if (isScalar(node)) return readScalar(node, path)
    return new Scalar('', true)
  }

  function readAlias(alias: Alias, path: Path): Tree {
    const target = targets.get(alias)
    if (target) return read(target, path)
    return refuse(path, 'expected an alias of an anchor that is set before it')
  }

  function readScalar({ value, type, tag }: { value: unknown; type?: string; tag?: string }, path: Path): Tree {
    const plain = tag === undefined ? type === 'PLAIN' : tags.get(tag)
    if (plain === undefined) return refuse(path, 'expected a value without a tag of its own')
    return new Scalar(String(value ?? ''), plain)
  }

  /** A key that is set again holds; a key of the map itself holds before merged ones; earlier merges before later. */
  function readMap(pairs: { key: unknown; value: unknown }[], path: Path): Tree {
    const map: TreeMap = Object.create(null)
    const merged: Tree[] = []
    for (const { key, value } of pairs) {
      const name = read(key, path)
      if (!(name instanceof Scalar) || name.text === '__proto__')
        refuse(path, 'expected a text as name of each setting')
      else if (name.plain && name.text === '<<') merged.push(read(value, [...path, '<<']))
      else map[name.text] = read(value, [...path, name.text])
    }
    for (const source of merged.flat()) {
      if (isTreeMap(source)) for (const name in source) map[name] ??= source[name]!
      else refuse(path, 'expected a mapping, or a list of mappings, to merge with <<')
    }
    return map
  }

  function refuse(path: Path, message: string): Tree {
    mistakes.push({ path: printPath(path), message })
    return new Scalar('', true)
  }

  return read(root, [])
}

/** Levels; deeper than any setting. Ends an alias that holds itself. */
const maxDepth = 32

/** Values with aliases written out: what a file of nested aliases may become. */
const maxValues = 100_000

/** Which tagged scalars are read as if they were without quotes; others are not allowed. */
const tags = new Map([
  ['!', false],
  ['tag:yaml.org,2002:str', false],
  ['tag:yaml.org,2002:int', true],
  ['tag:yaml.org,2002:float', true],
  ['tag:yaml.org,2002:bool', true],
  ['tag:yaml.org,2002:null', true],
])

function mistake(path: Path, message: string): ConfigError {
  return new ConfigError([{ path: printPath(path), message }])
}
