import type { Client } from './connect.ts'
import type { Keys } from './keys.ts'

/**
 * How many workers died while they ran a job. BullMQ's own count of stalls also has the jobs that were only in hand.
 * Nothing is written for a job that runs at once and for the first time, as nearly all do: when it comes back after a
 * stall, it is known to have run. The runs that are counted are those of suspects, and those that have to wait.
 */
export type Deaths = {
  /** Of a job that comes back after a stall. */
  of(jobId: string): Promise<number>
  /** 0: it is in hand and does not run yet. 1: it runs. -1: it has not died of this. */
  count(jobId: string, difference: 0 | 1 | -1): Promise<void>
  /** The stall was no death: the worker lives. `ran`: the job had begun, and nothing is counted of that. */
  acquit(jobId: string, ran: boolean): Promise<void>
}

/** Runs that began and neither ended nor were given back, kept with the job. Absent: one, if it has stalled. */
const field = 'begun'

/** KEYS job; ARGV field. */
const examine = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSETNX', KEYS[1], ARGV[1], 1)
return tonumber(redis.call('HGET', KEYS[1], ARGV[1]))`

/** KEYS job; ARGV field, difference. A job that is gone is not brought back. */
const count = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2]) end`

/** KEYS job; ARGV field, when it ran. The count of stalls (stc) goes down, and so does what `examine` made of it. */
const acquit = `
if redis.call('EXISTS', KEYS[1]) == 0 then return end
redis.call('HINCRBY', KEYS[1], 'stc', -1)
if ARGV[1] and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then redis.call('HINCRBY', KEYS[1], ARGV[1], -1) end`

export function createDeaths(redis: Client, keys: Keys): Deaths {
  return {
    of: async jobId => Number(await redis.eval(examine, 1, keys.job(jobId), field)),
    count: async (jobId, difference) => void (await redis.eval(count, 1, keys.job(jobId), field, difference)),
    acquit: async (jobId, ran) => void (await redis.eval(acquit, 1, keys.job(jobId), ...(ran ? [field] : []))),
  }
}
