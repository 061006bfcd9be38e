import { type Changes, createLocalChanges } from '@mortise/changes'
import type { RedisTarget } from '@mortise/changes/redis'
import type { Config } from '@mortise/config'
import { messageOf } from '@mortise/errors'
import { createSeldom, type Log } from '@mortise/telemetry'
import { nodesOf } from './queue.ts'

const logEveryMs = 10_000

/**
 * How processes tell each other of changed originals: over the Redis that they share anyway, for jobs or for responses. A
 * process that shares neither is alone.
 */
export async function createChanges(config: Config, log: Log): Promise<Changes> {
  const connection = redisOf(config)
  if (!connection) return createLocalChanges(Date.now)
  const { createRedisChanges } = await import('@mortise/changes/redis')
  const seldom = createSeldom({ periodMs: logEveryMs, now: () => performance.now() })
  return createRedisChanges({
    connection,
    prefix: config.server.queue.type === 'memory' ? 'mortise' : config.server.queue.prefix,
    onError: error => seldom(messageOf(error), more => log.warn({ reason: messageOf(error), ...more }, 'changes')),
    now: Date.now,
  })
}

function redisOf({ server: { queue, cache } }: Config): RedisTarget | null {
  if (queue.type !== 'memory') return { type: queue.type, nodes: nodesOf(queue) }
  return cache.type === 'memory' ? null : { type: cache.type, nodes: cache.addresses }
}
