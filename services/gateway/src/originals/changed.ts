import type { Changes } from '@mortise/changes'
import type { Location } from '@mortise/plan'

export type ChangedDeps = {
  changes: Pick<Changes, 'announce'>
}

/**
 * Gives the function that is told of every original that was written or deleted. When it resolves, nobody answers any more
 * with what was made of the one before.
 */
export function createChanged({ changes }: ChangedDeps) {
  return async ({ key }: Location): Promise<void> => {
    await changes.announce(key)
  }
}
