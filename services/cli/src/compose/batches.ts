import type { QueueConfig } from '@mortise/config'
import { messageOf } from '@mortise/errors'
import type { BatchQueue } from '@mortise/queue/batches'
import { createSeldom, type Log, type Metrics, registerGauges } from '@mortise/telemetry'
import { nodesOf } from './queue.ts'

const logEveryMs = 10_000

/** The background lane, where the queue is; its gauges are registered here. */
export async function createBatches(config: QueueConfig, log: Log, metrics: Metrics): Promise<BatchQueue> {
  const batches = await create(config, log)
  registerGauges(metrics, [
    {
      name: 'mortise_batches_waiting',
      help: 'Originals whose derivatives are to be made ahead of time, and that nobody works on',
      read: async () => (await batches.stats()).waiting,
    },
    {
      name: 'mortise_batches_active',
      help: 'Originals whose derivatives are being made ahead of time, anywhere',
      read: async () => (await batches.stats()).active,
    },
  ])
  return batches
}

async function create(config: QueueConfig, log: Log): Promise<BatchQueue> {
  const { attempts, maxBackground } = config
  if (config.type === 'memory') {
    const { createMemoryBatches } = await import('@mortise/queue/batches/memory')
    return createMemoryBatches({ maxBackground, attempts })
  }
  const { createBullBatches } = await import('@mortise/queue/batches/bullmq')
  const { type, prefix, lockDuration, stalledInterval } = config
  const seldom = createSeldom({ periodMs: logEveryMs, now: () => performance.now() })
  return createBullBatches({
    connection: { type, nodes: nodesOf(config) },
    ...{ prefix, maxBackground, attempts, lockDuration, stalledInterval },
    onError(error) {
      // The queue is on the same Redis, and tells of its connections.
      if (isSystemError(error)) return
      seldom(messageOf(error), more => log.warn({ reason: messageOf(error), ...more }, 'batches'))
    },
  })
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
