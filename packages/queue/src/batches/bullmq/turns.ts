import type { Client } from '../../bullmq/connect.ts'
import { planIdOf } from '../../bullmq/keys.ts'
import type { BatchKeys } from './keys.ts'
import { type WireEnd, writeEnd } from './wire.ts'

/** The batches of an original run one after the other. */
export type Turns = {
  /** Begins the turn of this job: it takes no further plans. `null` while another one of its original is in hand. */
  begin(jobId: string): Promise<Turn | null>
  /** Ends it, and tells those who wait how. */
  end(jobId: string, end: WireEnd): Promise<void>
}

export type Turn = {
  /** Of the job, as JSON; empty when it is gone. */
  data: string
  /** Runs that began and neither ended nor were given back: deaths of workers. */
  deaths: number
  /** Its original took workers down a short while ago. */
  poisoned: boolean
}

/** ms. A worker that does not renew its lock loses its turn much sooner. */
const turnMs = 86_400_000
/** How long (ms) who waits may look for an end of which he heard nothing, and how long a poisoned original is left alone. */
const endedMs = 300_000
const poisonMs = 600_000

/**
 * KEYS turn, joinable, job, poison; ARGV job id, what stands before one in the key of a job, ms. Locks are BullMQ's, and so is
 * the priority: a job that has come to the head of the line once, and is put back for whatever reason, overtakes the others.
 */
const begin = `
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('HSET', KEYS[3], 'priority', 0) end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and redis.call('EXISTS', ARGV[2] .. holder .. ':lock') == 1 then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
local job = redis.call('HMGET', KEYS[3], 'data', 'begun')
return {job[1] or '', job[2] or '0', redis.call('EXISTS', KEYS[4])}`

/** KEYS turn, ended, poison; ARGV job id, end, ms, channel, ms of poison or 0. */
const finish = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
if ARGV[5] ~= '0' then redis.call('SET', KEYS[3], 1, 'PX', ARGV[5]) end
redis.call('PUBLISH', ARGV[4], ARGV[1] .. '\\n' .. ARGV[2])`

export function createTurns(redis: Client, keys: BatchKeys): Turns {
  return {
    async begin(jobId) {
      const id = planIdOf(jobId)
      const names = [keys.turn(id), keys.joinable(id), keys.job(jobId), keys.poison(id)]
      const turn = await redis.eval(begin, names.length, ...names, jobId, keys.job(''), turnMs)
      if (!Array.isArray(turn)) return null
      const [data, deaths, poisoned] = turn
      return { data: String(data), deaths: Number(deaths), poisoned: poisoned === 1 }
    },
    async end(jobId, end) {
      const id = planIdOf(jobId)
      const names = [keys.turn(id), keys.ended(jobId), keys.poison(id)]
      const args = [jobId, writeEnd(end), endedMs, keys.endings, isPoison(end) ? poisonMs : 0]
      await redis.eval(finish, names.length, ...names, ...args)
    },
  }
}

function isPoison(end: WireEnd): boolean {
  if (!end.ok || end.outcome.failures.length === 0) return false
  return end.outcome.failures.every(({ failure }) => failure.code === 'poisoned')
}
