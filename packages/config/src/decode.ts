import { type ConfigIssue, type Path, printPath } from './issues.ts'
import { Scalar } from './scalar.ts'
import { root } from './schema/root.ts'
import type { Output } from './schema/setting.ts'
import { isTreeMap, type Tree } from './tree.ts'

export type Decoded = {
  /** Complete: what was wrong or unknown in the tree is as if it were absent. */
  sections: Output<typeof root>
  mistakes: ConfigIssue[]
  /** Names that no setting has. */
  unknown: ConfigIssue[]
}

/**
 * Gives every scalar of the tree the type of its setting. What does not fit is reported and taken out of the tree (which
 * is changed), so that the rules between settings can look at all the rest.
 */
export function decode(tree: Tree): Decoded {
  const holder = { tree }
  const mistakes = new Map<string, string>()
  const unknown: ConfigIssue[] = []
  for (let round = 0; round < maxRounds; round++) {
    const result = root.safeParse(holder.tree)
    if (result.success) return { sections: result.data, mistakes: toIssues(mistakes), unknown }
    for (const issue of result.error.issues) {
      const path = issue.path as Path
      if (issue.code === 'unrecognized_keys') {
        for (const name of issue.keys) {
          takeOut(holder, [...path, name], { whole: true })
          unknown.push({ path: printPath([...path, name]), message: 'is no setting of this version and has no effect' })
        }
      } else {
        takeOut(holder, path)
        const text = printPath(path)
        if (!mistakes.has(text)) mistakes.set(text, issue.message)
      }
    }
  }
  throw new Error(`settings still do not fit after ${maxRounds} rounds`)
}

/** More than one round for each level is never needed. */
const maxRounds = 40

function toIssues(mistakes: Map<string, string>): ConfigIssue[] {
  return [...mistakes].map(([path, message]) => ({ path, message }))
}

/** Leaves the name with nothing behind it, or, when there was nothing already, no name either. */
function takeOut(holder: { tree: Tree }, path: Path, { whole = false } = {}): void {
  const last = path.at(-1)
  if (last === undefined) {
    holder.tree = nothing
    return
  }
  let above: Tree | undefined = holder.tree
  for (const part of path.slice(0, -1)) above = child(above, part)
  if (Array.isArray(above)) above[Number(last)] = nothing
  else if (isTreeMap(above)) {
    const value = above[last]
    if (whole || (value instanceof Scalar && value.absent)) delete above[last]
    else above[last] = nothing
  }
}

function child(tree: Tree | undefined, part: string | number): Tree | undefined {
  if (Array.isArray(tree)) return tree[Number(part)]
  return isTreeMap(tree) ? tree[part] : undefined
}

const nothing = new Scalar('', true)
