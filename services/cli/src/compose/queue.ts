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
  const queue = createBullQueue({
    connection: { type, nodes: nodesOf(config).map(withoutNulls) },
    ...{ prefix, maxWaiting, attempts, inlineBytes, resultTtl, lockDuration, stalledInterval },
    onError(error) {
      if (reached) log.warn({ reason: error instanceof Error ? error.message : error }, 'queue')
    },
  })
  try {
    await queue.ping(AbortSignal.timeout(5000))
    reached = true
    return queue
  } catch (cause) {
    await queue.close()
    throw unreachable(config, cause)
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
    `cannot reach Redis at ${names}: start it, or change server.queue.address`,
    { cause },
  )
}

function nodesOf(config: RedisConfig): RedisAddress[] {
  return config.type === 'redis' ? [config.address] : config.addresses
}

function withoutNulls({ host, port, username, password, db, tls }: RedisAddress) {
  return { host, port, db, tls, username: username ?? undefined, password: password ?? undefined }
}
