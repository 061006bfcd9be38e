import type { BullQueueOptions } from '@mortise/queue/bullmq'
import type { RedisServer } from './redis.ts'

let prefixes = 0

/** Of a queue on this server, with a prefix that no other queue of this process has. */
export function optionsFor({ host, port }: RedisServer, prefix = `t${prefixes++}`): BullQueueOptions {
  return {
    connection: { type: 'redis', nodes: [{ host, port }] },
    prefix,
    maxWaiting: 1_000,
    attempts: 3,
    inlineBytes: 65_536,
    resultTtl: 10,
    lockDuration: 2_000,
    stalledInterval: 500,
  }
}
