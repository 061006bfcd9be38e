import type { Config } from '@mortise/config'
import type { createDashboard } from '@mortise/dashboard'
import { messageOf } from '@mortise/errors'
import { createJobs, type Jobs } from '@mortise/gateway'
import type { Planner } from '@mortise/plan'
import type { BatchQueue } from '@mortise/queue/batches'
import { createSeldom, type Log } from '@mortise/telemetry'
import { createWarm } from '@mortise/warm'
import { nodesOf } from './queue.ts'
import type { Storages } from './storages.ts'

/** What the internal listener has for operators, besides health and metrics. */
export type Operation = AsyncDisposable & {
  /** `null` where no URLs are read. */
  jobs: Jobs | null
  /** `null` unless it is asked for, and the queue is on Redis. */
  dashboard: ReturnType<typeof createDashboard> | null
}

export type OperationParts = {
  config: Config
  planner: Planner | null
  batches: BatchQueue
  storages: Storages
  log: Log
}

/** Where `/dashboard` is mounted. */
const dashboardPath = '/dashboard'
const logEveryMs = 10_000

export async function createOperation({ planner, storages, log, ...parts }: OperationParts): Promise<Operation> {
  const warm = planner && createWarm({ ...parts, planner, storage: storages.get, now: () => performance.now() })
  const jobs = warm && createJobs({ warm, log, now: Date.now })
  const shown = await openDashboard(parts.config, log)
  return {
    jobs,
    dashboard: shown?.dashboard ?? null,
    async [Symbol.asyncDispose]() {
      await Promise.all([jobs?.close(), shown?.queues.close()])
    },
  }
}

/** Its library is loaded only when it is asked for. */
async function openDashboard({ server: { dashboard, queue } }: Config, log: Log) {
  if (!dashboard || queue.type === 'memory') return null
  const { createDashboard } = await import('@mortise/dashboard')
  const { createDashboardQueues } = await import('@mortise/queue/dashboard')
  const seldom = createSeldom({ periodMs: logEveryMs, now: () => performance.now() })
  const queues = createDashboardQueues({
    connection: { type: queue.type, nodes: nodesOf(queue) },
    prefix: queue.prefix,
    onError: error => seldom(messageOf(error), more => log.warn({ reason: messageOf(error), ...more }, 'dashboard')),
  })
  return { queues, dashboard: createDashboard(queues, dashboardPath) }
}
