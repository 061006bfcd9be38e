import { MortiseError, messageOf } from '@mortise/errors'

/** What a command to Redis failed with, as `queue_unavailable`. An error that has a code keeps it. */
export function unavailable(error: unknown): MortiseError {
  if (error instanceof MortiseError) return error
  return new MortiseError('queue_unavailable', `Redis: ${messageOf(error)}`, { cause: error })
}

export function throwUnavailable(error: unknown): never {
  throw unavailable(error)
}
