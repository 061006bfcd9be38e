import { within } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import { Job, type Queue, type RedisQueueBackend } from 'bullmq'
import { jitter } from '../../attempt.ts'
import type { Batch } from '../../batches.ts'
import { commandMs } from '../../bullmq/connect.ts'
import { createJobId } from '../../bullmq/keys.ts'
import type { Link } from '../../bullmq/link.ts'
import { unavailable } from '../../bullmq/unavailable.ts'
import { originalId, proveBatch, refusal, unite } from '../batch.ts'
import type { BatchKeys } from './keys.ts'
import { readWaiting } from './wire.ts'

export type PlacingOptions = {
  link: Link
  keys: BatchKeys
  /** Of this process: part of the ids of its jobs. */
  processId: string
  attempts: number
  maxBackground: number
}

/** Puts a batch on the queue, as a job of its own or into the one that waits; gives the id of that job. */
export type Place = (batch: Batch) => Promise<string>

/** Two commands and a connection fit into it, and 2 s are what `add` promises when Redis is away. */
const placingMs = 2 * commandMs
/** Before the second attempt (ms); doubled for each further one. */
const backOffMs = 200
/** Any but 0, which is for jobs that have been at the head of the line before. */
const priority = 1
/** Characters of the data of a job. 64 plans of ten steps have a tenth of it. */
const maxLength = 1024 * 1024

/**
 * KEYS joinable, job, wait, prioritized, delayed; ARGV most that may wait. When there is no room, a job of this id is put
 * there that is none: BullMQ adds nothing under an id that it finds. 0, or how many wait.
 */
const admit = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local waiting = redis.call('LLEN', KEYS[3]) + redis.call('ZCARD', KEYS[4]) + redis.call('ZCARD', KEYS[5])
if waiting < tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[2], 'refused', 1)
return waiting`

/** KEYS joinable, job; ARGV job id, its data as it was read, and as it shall be. 1, or 0 when one of them is not so any more. */
const replace = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('HGET', KEYS[2], 'data') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'data', ARGV[3])
return 1`

type Scripts = {
  mortiseReplace(joinable: string, job: string, jobId: string, old: string, data: string): Promise<number>
}

export function createPlacing({ link, keys, processId, attempts, maxBackground }: PlacingOptions): Place {
  const { client } = link
  client.defineCommand('mortiseAdmit', { numberOfKeys: 5, lua: admit })
  client.defineCommand('mortiseReplace', { numberOfKeys: 2, lua: replace })
  // ioredis adds the methods at run time, where its types cannot see them.
  const scripts = client as unknown as Scripts
  let added = 0

  /** The id of the job that was added, or that was there. In one transaction, so that it is exact how many wait. */
  async function addOrFind(queue: Queue, jobId: string, batch: Batch): Promise<string> {
    const id = originalId(batch.original)
    const backoff = { type: 'exponential', delay: backOffMs, jitter }
    const options = { jobId, deduplication: { id }, priority, attempts, backoff, stackTraceLimit: 1 }
    const job = new Job(queue, 'batch', batch, options, jobId)
    const transaction = (await (queue as Queue & Backed).getBackend().client).multi()
    const names = [keys.joinable(id), keys.job(jobId), keys.wait, keys.prioritized, keys.delayed]
    transaction.runCommand('mortiseAdmit', [...names, maxBackground])
    await job.addJob(transaction)
    transaction.runCommand('hdel', [keys.job(jobId), 'refused'])
    const [waiting, found] = ((await transaction.exec()) ?? []).map(unwrap)
    if (Number(waiting) > 0) throw refusal(Number(waiting))
    if (typeof found !== 'string') throw new MortiseError('internal', `batch ${jobId}: BullMQ gave it no id`)
    return found
  }

  /** Whether the job has the plans now; `false` when it has begun meanwhile, or got others. */
  async function join(jobId: string, batch: Batch): Promise<boolean> {
    const data = await client.hget(keys.job(jobId), 'data')
    if (data === null) return false
    const waiting = readWaiting(data)
    const united = write(waiting ? unite(waiting, batch) : batch)
    const names = [keys.joinable(originalId(batch.original)), keys.job(jobId)] as const
    return (await scripts.mortiseReplace(...names, jobId, data, united)) === 1
  }

  async function place(batch: Batch, isLate: () => boolean): Promise<string> {
    while (!isLate()) {
      const queue = await link.ready()
      if (isLate()) break
      const jobId = createJobId('background', originalId(batch.original), `${processId}.${added++}`)
      const found = await addOrFind(queue, jobId, batch)
      if (found === jobId || (await join(found, batch))) return found
    }
    throw tooLate()
  }

  return async batch => {
    proveBatch(batch)
    write(batch)
    let late = false
    let jobId = ''
    const placed = place(batch, () => late).then(id => {
      jobId = id
    })
    const inTime = await within(placed, placingMs).catch(error => {
      throw unavailable(error)
    })
    late = true
    if (!inTime) throw tooLate()
    return jobId
  }
}

type Backed = { getBackend(): RedisQueueBackend }

function unwrap([error, value]: [Error | null, unknown]): unknown {
  if (error) throw error
  return value
}

function write(batch: Batch): string {
  const text = JSON.stringify(batch)
  if (text.length <= maxLength) return text
  throw new MortiseError('limit_exceeded', `batch: ${text.length} characters of plans`)
}

function tooLate(): MortiseError {
  return new MortiseError('queue_unavailable', `Redis has not taken the batch within ${placingMs} ms`)
}
