import type { Changes } from '@mortise/changes'
import type { Location } from '@mortise/plan'
import type { RemoveDerivatives } from './remove-derivatives.ts'

/** What is told of every object that changes, by whoever changed it, before that is answered. */
export type Originals = {
  /**
   * It was stored. When this resolves, nobody answers any more with what was made of the one before, nothing of that is
   * left, and what is to be made ahead is queued. Rejects with `storage_unavailable` when something may be left.
   */
  written(object: Location): Promise<void>
  /** It was deleted; as {@link Originals.written}. */
  deleted(object: Location): Promise<void>
  /** Something that was made of it was deleted. Never rejects. */
  derivativeDeleted(object: Location): Promise<void>
}

export type OriginalsDeps = {
  changes: Pick<Changes, 'announce'>
  removeDerivatives: RemoveDerivatives
  /** Never rejects. */
  pregenerate(object: Location): Promise<void>
}

export function createOriginals({ changes, removeDerivatives, pregenerate }: OriginalsDeps): Originals {
  async function forget(object: Location): Promise<void> {
    // First: a worker that does not know of the change yet would store after the look into the storage.
    await changes.announce(object.key)
    await removeDerivatives(object)
  }
  return {
    async written(object) {
      await forget(object)
      await pregenerate(object)
    },
    deleted: forget,
    derivativeDeleted: ({ key }) => changes.announce(key),
  }
}
