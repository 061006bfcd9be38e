import type { Changes } from '@mortise/changes'
import type { Config, Listener } from '@mortise/config'
import {
  type Archive,
  type Check,
  createGateway,
  createInternal,
  listen,
  type Placeholder,
  type RunningServer,
  type Uploads,
} from '@mortise/gateway'
import { createExplain } from '@mortise/gateway/explain'
import type { Planner } from '@mortise/plan'
import type { JobQueue } from '@mortise/queue'
import type { BatchQueue } from '@mortise/queue/batches'
import type { SharedCache } from '@mortise/response-cache'
import type { Log, Metrics } from '@mortise/telemetry'
import { version } from '../version.ts'
import type { Operation } from './operation.ts'
import type { Storages } from './storages.ts'

/** What the listeners of a process are made of. */
export type ListenerParts = {
  config: Config
  queue: JobQueue
  batches: BatchQueue
  storages: Storages
  changes: Changes
  sharedCache: SharedCache | null
  placeholder: Placeholder | null
  log: Log
  metrics: Metrics
}

/** The public listeners, all of them or none. */
export async function listenPublicly(
  parts: ListenerParts & { planner: Planner; uploads: Uploads; archive: Archive },
): Promise<RunningServer[]> {
  const { config, storages, log } = parts
  if (config.server.maxFileSize > 0) tellOfDirectDownloads(config, storages, log)
  const handle = createGateway({ ...parts, storage: storages.get, version, now: Date.now })
  const servers: RunningServer[] = []
  try {
    for (const where of config.server.listens) servers.push(await listen(where, handle, '--listen'))
    return servers
  } catch (error) {
    await Promise.all(servers.map(server => server.close(0)))
    throw error
  }
}

/** The listener for operators. `planner`: `null` where no URLs are read. */
export function listenInternally(
  parts: ListenerParts & { planner: Planner | null; operation: Operation },
  draining: () => boolean,
): Promise<RunningServer> {
  const { config, planner, queue, storages, sharedCache, metrics, operation } = parts
  const where: Listener = config.server.internalListen
  const checks: Check[] = [{ name: 'queue', required: true, run: signal => queue.ping(signal) }]
  for (const [name, storage] of storages.entries()) {
    checks.push({ name: `storage ${name}`, required: false, run: signal => storage.ping(signal) })
  }
  if (sharedCache) checks.push({ name: 'cache', required: false, run: signal => sharedCache.ping(signal) })
  const explain = planner && createExplain(config, planner)
  return listen(where, createInternal({ ...operation, metrics, checks, draining, explain }), '--internal')
}

/**
 * mort answers 503 for a large object of a storage that has no URLs of its own, which helps nobody: here the object is
 * sent, as if there were no limit.
 */
function tellOfDirectDownloads({ buckets }: Config, storages: Storages, log: Log): void {
  const names = Object.keys(buckets).map(name => `${name}/basic`)
  const without = names.filter(name => !storages.get(name).presign)
  if (without.length > 0) log.warn({ storages: without }, 'server.maxFileSize: these have no URLs to redirect to')
}
