import type { LimitsConfig } from '@mortise/config'
import type { PaceLimits } from './pace.ts'
import { createRoom, type Room } from './room.ts'
import { createSlots, type Slots } from './slots.ts'
import { createStrangers, type Strangers } from './strangers.ts'

/** What bounds the bodies that come in at one time, whoever sends them. */
export type Intake = {
  /** Bodies that are stored: each holds a connection, some buffers, and one of a storage's own. */
  slots: Slots
  /** Forms of which nobody knows yet whose they are. */
  strangers: Strangers
  /** Documents of signed requests, which are read as a whole. */
  documents: Room
  pace: PaceLimits
}

/** Each holds fields of at most 128 KiB. */
const maxStrangers = 256
const maxDocuments = 64 * 1024 * 1024

export function createIntake({
  uploadsAtOnce,
  uploadRate,
  uploadGrace,
}: Pick<LimitsConfig, 'uploadsAtOnce' | 'uploadRate' | 'uploadGrace'>): Intake {
  return {
    slots: createSlots(uploadsAtOnce),
    strangers: createStrangers(maxStrangers),
    documents: createRoom(maxDocuments),
    pace: { bytesPerSecond: uploadRate, graceSeconds: uploadGrace },
  }
}
