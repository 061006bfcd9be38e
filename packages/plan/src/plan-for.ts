import { planId } from './id.ts'
import type { Location, Plan } from './types.ts'

/** The same work on another original, with the result in another place. */
export function planFor(
  { passes, output }: Pick<Plan, 'passes' | 'output'>,
  { original, derivative }: { original: Location; derivative: Location },
): Plan {
  const plan = { original, passes, output, derivative }
  return { id: planId(plan), ...plan }
}
