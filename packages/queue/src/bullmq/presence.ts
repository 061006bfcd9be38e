import type { Client } from './connect.ts'
import type { Keys } from './keys.ts'

/** Who waits for which plan, over all processes. A member is one flight of one process. */
export type Presence = {
  /**
   * Says that this flight waits until the deadline (ms since the epoch). `true` when the plan is poison and nobody is to
   * wait; then the job of this id cannot be added either, by what is sent right behind this.
   */
  announce(planId: string, member: string, deadline: number, jobId: string): Promise<boolean>
  /** How many flights still wait when this one has left. */
  leave(planId: string, member: string): Promise<number>
  /** How many flights wait. */
  count(planId: string): Promise<number>
}

/** KEYS waiters, poison, job; ARGV member, deadline. BullMQ adds no job under an id that it finds, so it finds one. */
const announce = `
if redis.call('EXISTS', KEYS[2]) == 1 then
  if redis.call('EXISTS', KEYS[3]) == 0 then
    redis.call('HSET', KEYS[3], 'refused', 1)
    redis.call('PEXPIRE', KEYS[3], 1000)
  end
  return 1
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local latest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', latest[2] + 1000))
return 0`

/** KEYS waiters; ARGV member, now. A process that died cannot leave: what is past its deadline is dropped. */
const leave = `
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
return redis.call('ZCARD', KEYS[1])`

type Scripts = {
  mortiseAnnounce(waiters: string, poison: string, job: string, member: string, deadline: number): Promise<number>
  mortiseLeave(waiters: string, member: string, now: number): Promise<number>
}

export function createPresence(client: Client, keys: Keys): Presence {
  client.defineCommand('mortiseAnnounce', { numberOfKeys: 3, lua: announce })
  client.defineCommand('mortiseLeave', { numberOfKeys: 1, lua: leave })
  // ioredis adds the two methods at run time, where its types cannot see them.
  const scripts = client as unknown as Scripts
  return {
    async announce(planId, member, deadline, jobId) {
      const names = [keys.waiters(planId), keys.poison(planId), keys.job(jobId)] as const
      return (await scripts.mortiseAnnounce(...names, member, deadline)) === 1
    },
    leave: (planId, member) => scripts.mortiseLeave(keys.waiters(planId), member, Date.now()),
    count: planId => client.zcount(keys.waiters(planId), Date.now(), '+inf'),
  }
}
