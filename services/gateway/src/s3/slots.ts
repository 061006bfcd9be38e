import { MortiseError } from '@mortise/errors'

/** A bound on what goes on at one time. */
export type Slots = {
  /**
   * Takes one until it is disposed of. Throws `overloaded` when there is none. `proof`: the signature of a URL, or of a
   * form, which its owner has given away: all such have half of the slots, so that the other half is left to those who
   * have a key; and one of them has a quarter.
   */
  take(proof?: string): Disposable
}

export function createSlots(limit: number): Slots {
  const [half, quarter] = [Math.ceil(limit / 2), Math.ceil(limit / 4)]
  const byProof = new Map<string, number>()
  let taken = 0
  let givenAway = 0

  const add = (proof: string | undefined, change: 1 | -1) => {
    taken += change
    if (proof === undefined) return
    givenAway += change
    const count = (byProof.get(proof) ?? 0) + change
    if (count > 0) byProof.set(proof, count)
    else byProof.delete(proof)
  }
  const isFree = (proof: string | undefined) =>
    taken < limit && (proof === undefined || (givenAway < half && (byProof.get(proof) ?? 0) < quarter))

  return {
    take(proof) {
      if (!isFree(proof)) throw new MortiseError('overloaded', 'too many uploads at one time')
      add(proof, 1)
      let held = true
      return {
        [Symbol.dispose]() {
          if (held) add(proof, -1)
          held = false
        },
      }
    },
  }
}
