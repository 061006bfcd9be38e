import { mergeSets } from './merge-sets.ts'
import { type Compat, toSteps } from './steps.ts'
import type { TransformSet } from './transform-set.ts'
import type { Pass } from './types.ts'

/**
 * One pass for each set that changes pixels, the set nearest to the original first. mort merges the sets of a chain,
 * and loses the turn, the grey and the enlarging of the newer ones on the way; here each does its own work, unless the
 * configuration wants it mort's way.
 */
export function toPasses(sets: readonly TransformSet[], compat: Compat): Pass[] {
  const all = (compat.includes('merge-sets') ? mergeSets(sets) : sets).map(set => toSteps(set, compat))
  const passes = all.filter(steps => steps.length > 0)
  // In the first pass a turn takes the place of the EXIF orientation. One that only follows must not get there.
  const follows = passes[0] !== all[0] && passes[0]?.some(step => step.op === 'rotate')
  return follows ? [[], ...passes] : passes
}
