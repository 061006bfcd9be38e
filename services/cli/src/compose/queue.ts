import type { QueueConfig, RedisAddress } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { JobQueue } from '@mortise/queue'
import type { Log } from '@mortise/telemetry'
import { reach } from './reach.ts'

/**
 * The queue that the configuration names. Its library is loaded only then. One on a Redis that does not answer is given
 * all the same: the process is not ready until it does, and says every so often what it waits for.
 */
export async function createQueue(config: QueueConfig, log: Log): Promise<JobQueue> {
  const { maxWaiting, attempts } = config
  if (config.type === 'memory') {
    const { createMemoryQueue } = await import('@mortise/queue/memory')
    return createMemoryQueue({ maxWaiting, attempts })
  }
  const { createBullQueue } = await import('@mortise/queue/bullmq')
  const { type, prefix, inlineBytes, resultTtl, lockDuration, stalledInterval, setting } = config
  const nodes = nodesOf(config)
  const address = nodes.map(({ host, port }) => `${host}:${port}`).join(', ')
  let reached = false
  let lastError: unknown
  const queue = createBullQueue({
    connection: { type, nodes },
    ...{ prefix, maxWaiting, attempts, inlineBytes, resultTtl, lockDuration, stalledInterval },
    onError(error) {
      lastError = error
      if (reached) log.warn({ reason: reasonOf(error) }, 'queue')
    },
  })
  const closing = new AbortController()
  await reach({
    ping: queue.ping,
    onLate: error => log.warn({ address, setting, reason: reasonOf(lastError ?? error) }, 'cannot reach Redis'),
    onReached(late) {
      reached = true
      if (late) log.info({ address }, 'Redis answers')
    },
    signal: closing.signal,
  })
  const close = () => {
    closing.abort()
    return queue.close()
  }
  return { ...queue, close, [Symbol.asyncDispose]: close }
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

function nodesOf(config: RedisConfig): RedisAddress[] {
  return config.type === 'redis' ? [config.address] : config.addresses
}

function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || 'no answer'
}
