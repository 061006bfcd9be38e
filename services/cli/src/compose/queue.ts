import { setTimeout as delay } from 'node:timers/promises'
import type { QueueConfig, RedisAddress } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { JobQueue } from '@mortise/queue'
import type { Log } from '@mortise/telemetry'

/**
 * The queue that the configuration names. Its library is loaded only then. Throws `invalid_config` when it cannot be
 * reached: at start that is a mistake to be told at once, while a queue that goes away later is waited for.
 */
export async function createQueue(config: QueueConfig, log: Log): Promise<JobQueue> {
  const { maxWaiting, attempts } = config
  if (config.type === 'memory') {
    const { createMemoryQueue } = await import('@mortise/queue/memory')
    return createMemoryQueue({ maxWaiting, attempts })
  }
  const { createBullQueue } = await import('@mortise/queue/bullmq')
  const { type, prefix, inlineBytes, resultTtl, lockDuration, stalledInterval } = config
  let reached = false
  let lastError: unknown
  const queue = createBullQueue({
    connection: { type, nodes: nodesOf(config) },
    ...{ prefix, maxWaiting, attempts, inlineBytes, resultTtl, lockDuration, stalledInterval },
    onError(error) {
      lastError = error
      if (reached) log.warn({ reason: reasonOf(error) }, 'queue')
    },
  })
  try {
    await reach(queue, AbortSignal.timeout(5000))
    reached = true
    return queue
  } catch (error) {
    await queue.close()
    throw unreachable(config, lastError ?? error)
  }
}

/** A ping gives up soon, and a process that is loading its modules can be too busy to hear the answer. */
async function reach(queue: JobQueue, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await queue.ping(signal)
    } catch (error) {
      if (signal.aborted) throw error
      await delay(100)
    }
  }
}

/** For roles whose other half is another process. Throws `invalid_config`. */
export function requireSharedQueue({ type }: QueueConfig, role: string): void {
  if (type !== 'memory') return
  throw new MortiseError(
    'invalid_config',
    `mortise ${role} needs a queue that other processes reach: set server.queue.type to redis, or use mortise serve`,
  )
}

type RedisConfig = Exclude<QueueConfig, { type: 'memory' }>

function unreachable(config: RedisConfig, cause: unknown): MortiseError {
  const names = nodesOf(config)
    .map(({ host, port }) => `${host}:${port}`)
    .join(', ')
  return new MortiseError(
    'invalid_config',
    `cannot reach Redis at ${names} (${reasonOf(cause)}): start it, or change server.queue.address`,
    {
      cause,
    },
  )
}

function nodesOf(config: RedisConfig): RedisAddress[] {
  return config.type === 'redis' ? [config.address] : config.addresses
}

function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || 'no answer'
}
