import type { QueueConfig, RedisAddress } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { JobQueue } from '@mortise/queue'
import type { Log } from '@mortise/telemetry'

/** The queue that the configuration names. Its library is loaded only then. */
export async function createQueue(config: QueueConfig, log: Log): Promise<JobQueue> {
  const { maxWaiting, attempts } = config
  if (config.type === 'memory') {
    const { createMemoryQueue } = await import('@mortise/queue/memory')
    return createMemoryQueue({ maxWaiting, attempts })
  }
  const { createBullQueue } = await import('@mortise/queue/bullmq')
  const { type, prefix, inlineBytes, resultTtl, lockDuration, stalledInterval } = config
  return createBullQueue({
    connection: { type, nodes: nodesOf(config).map(withoutNulls) },
    ...{ prefix, maxWaiting, attempts, inlineBytes, resultTtl, lockDuration, stalledInterval },
    onError: error => log.warn({ reason: error instanceof Error ? error.message : error }, 'queue'),
  })
}

/** For roles whose other half is another process. Throws `invalid_config`. */
export function requireSharedQueue({ type }: QueueConfig, role: string): void {
  if (type !== 'memory') return
  throw new MortiseError(
    'invalid_config',
    `mortise ${role} needs a queue that other processes reach: set server.queue.type to redis, or use mortise serve`,
  )
}

/** A queue that cannot be reached at start is a mistake to be told at once; one that goes away later is waited for. */
export async function requireReachable(queue: JobQueue, config: QueueConfig): Promise<void> {
  if (config.type === 'memory') return
  try {
    await queue.ping(AbortSignal.timeout(5000))
  } catch (cause) {
    const names = nodesOf(config)
      .map(({ host, port }) => `${host}:${port}`)
      .join(', ')
    throw new MortiseError(
      'invalid_config',
      `cannot reach Redis at ${names}: start it, or change server.queue.address`,
      { cause },
    )
  }
}

function nodesOf(config: Exclude<QueueConfig, { type: 'memory' }>): RedisAddress[] {
  return config.type === 'redis' ? [config.address] : config.addresses
}

function withoutNulls({ host, port, username, password, db, tls }: RedisAddress) {
  return { host, port, db, tls, username: username ?? undefined, password: password ?? undefined }
}
