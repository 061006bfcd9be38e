import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from 'bullmq'
import type { Client } from './connect.ts'

/**
 * KEYS wait, prioritized, delayed, marker. 1 when no job is left. BullMQ leaves a marker behind with every job that it
 * hands out, so that other workers look for more; without a job that only wakes somebody for nothing.
 */
const calm = `
if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) > 0 then return 0 end
redis.call('ZREM', KEYS[4], '0')
return 1`

type Scripts = { mortiseCalm(wait: string, prioritized: string, delayed: string, marker: string): Promise<number> }

/** BullMQ's answer when there is no job: its data, its id, ms until the rate limit ends, when a delayed one is due. */
const none = [null, 0, 0, 0]

/**
 * What BullMQ's worker does to Redis, without what is in vain when jobs come one by one. The first job that it fetches
 * after a wait comes with the knowledge whether there is another; if there is none, it need not ask before it waits.
 */
export function createLeanBackend(redis: Client): BackendFactory<RedisQueueBackend> {
  redis.defineCommand('mortiseCalm', { numberOfKeys: 4, lua: calm })
  // ioredis adds the method at run time, where its types cannot see it.
  const scripts = redis as unknown as Scripts
  return (...options) => {
    const backend = createRedisBackend(...options)
    const moveToActive = backend.moveToActive.bind(backend)
    const waitForJob = backend.waitForJob.bind(backend)
    const { wait = '', prioritized = '', delayed = '', marker = '' } = backend.keys
    let waited = false
    let empty = false

    async function fetch(token: string, name?: string) {
      if (empty) return none
      if (!waited) return moveToActive(token, name)
      waited = false
      const fetched = moveToActive(token, name)
      // As BullMQ does before it sends, so that this is sent behind it, in the same write.
      await backend.client
      const [job, last] = await Promise.all([fetched, scripts.mortiseCalm(wait, prioritized, delayed, marker)])
      empty = last === 1 && Boolean(job[0])
      // Only for the question that the worker asks now: a marker that comes later is for a job that comes later.
      if (empty) process.nextTick(() => (empty = false))
      return job
    }
    return Object.assign(backend, {
      moveToActive: fetch,
      waitForJob(timeout: number) {
        waited = true
        return waitForJob(timeout)
      },
    })
  }
}
