import { hash } from 'node:crypto'

/**
 * One of several names for a key, the same in every process that has the same names, whatever their order: the one with
 * the highest digest together with the key. When a name is added or removed, only the keys of that name move.
 */
export function choose(names: readonly string[], key: string): number {
  if (names.length < 2) return 0
  let best = 0
  let highest = ''
  for (const [index, name] of names.entries()) {
    const weight = hash('sha256', `${name}\n${key}`, 'hex')
    if (weight > highest) [best, highest] = [index, weight]
  }
  return best
}
