import { MortiseError } from '@mortise/errors'

/** Bytes that are somewhere at one time, for all who share it. */
export type Room = {
  /** Throws `overloaded` when so much is not free. */
  take(bytes: number): void
  give(bytes: number): void
}

export function createRoom(limit: number): Room {
  let taken = 0
  return {
    take(bytes) {
      if (taken + bytes > limit) throw new MortiseError('overloaded', 'no room for more uploads')
      taken += bytes
    },
    give(bytes) {
      taken -= bytes
    },
  }
}
