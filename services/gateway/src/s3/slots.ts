import { MortiseError } from '@mortise/errors'

/** A bound on what goes on at one time. */
export type Slots = {
  /** Takes one until it is disposed of. Throws `overloaded` when there is none. */
  take(): Disposable
  readonly taken: number
}

export function createSlots(limit: number): Slots {
  let taken = 0
  return {
    take() {
      if (taken >= limit) throw new MortiseError('overloaded', 'too many uploads at one time')
      taken += 1
      let held = true
      return {
        [Symbol.dispose]() {
          if (held) taken -= 1
          held = false
        },
      }
    },
    get taken() {
      return taken
    },
  }
}
