import { type ConfigIssue, type Path, printPath } from './issues.ts'
import { readBool, Scalar } from './scalar.ts'
import { isTreeMap, type Tree } from './tree.ts'

/** Warns of settings that a file may hold but this version does not act on. */
export function findNotActedOn(tree: Tree): ConfigIssue[] {
  return rows.flatMap(([pattern, message, when = () => true]) =>
    findMatches(tree, pattern.split('.')).flatMap(({ path, value }) =>
      when(value) ? [{ path: printPath(path), message }] : [],
    ),
  )
}

type Row = [pattern: string, message: string, when?: (value: Tree) => boolean]

const later = 'is accepted, but this version does not act on it'
const replaced = 'has no effect:'

/** Who makes a setting work deletes its row. */
const rows: Row[] = [
  [
    'server.idleCleanup.enabled',
    `${replaced} between renders libvips keeps nothing here that could be cleaned up`,
    isTrue,
  ],
  ['server.lockTimeout', `${replaced} server.requestTimeout limits every wait`],
  ['server.concurrentImageProcessing', `${replaced} see server.worker.threads and server.queue.maxWaiting`],
  ['buckets.*.storages.*.HTTPTracing', later, isOneOf('true')],
]

function isOneOf(...texts: string[]) {
  return (value: Tree) => value instanceof Scalar && texts.includes(value.text)
}

function isTrue(value: Tree): boolean {
  return value instanceof Scalar && readBool(value) === true
}

function findMatches(tree: Tree, pattern: string[], path: Path = []): { path: Path; value: Tree }[] {
  const [name, ...rest] = pattern
  if (name === undefined) return [{ path, value: tree }]
  if (!isTreeMap(tree)) return []
  const names = name === '*' ? Object.keys(tree) : Object.hasOwn(tree, name) ? [name] : []
  return names.flatMap(found => findMatches(tree[found]!, rest, [...path, found]))
}
