import { createKeys } from '../../bullmq/keys.ts'

export type BatchKeys = ReturnType<typeof createBatchKeys>

/** The keys of the background lane: BullMQ's queue is called as the interactive one, beside it, in the same slot. */
export function createBatchKeys(prefix: string) {
  const keys = createKeys(`${createKeys(prefix).prefix}:background`)
  return {
    // Of these, `poison` is of an original here.
    ...keys,
    wait: keys.job('wait'),
    prioritized: keys.job('prioritized'),
    delayed: keys.job('delayed'),
    active: keys.job('active'),
    /** The job of an original that takes further plans, because it has never begun; BullMQ writes it. */
    joinable: (originalId: string) => keys.job(`de:${originalId}`),
    /** The job that works on an original, or did last. Expires. */
    turn: (originalId: string) => `${keys.prefix}:turn:${originalId}`,
    /** How a job ended. Expires. */
    ended: (jobId: string) => `${keys.prefix}:ended:${jobId}`,
    /** The channel on which those who wait are told: "job LF end". */
    endings: `${keys.prefix}:ended`,
  }
}
