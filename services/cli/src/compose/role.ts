import type { Config, Listener } from '@mortise/config'
import {
  type Check,
  createGateway,
  createInternal,
  listen,
  type Placeholder,
  type RunningServer,
} from '@mortise/gateway'
import { createExplain } from '@mortise/gateway/explain'
import { createPlanner, loadScripts, type Planner } from '@mortise/plan'
import type { JobQueue } from '@mortise/queue'
import type { SharedCache } from '@mortise/response-cache'
import { createLog, createMetrics, type Log, type Metrics, registerGauges } from '@mortise/telemetry'
import { handedOver, restartInPlace } from '../life-cycle.ts'
import { version } from '../version.ts'
import { createSharedCache } from './cache.ts'
import { readPlaceholder } from './placeholder.ts'
import { createQueue, requireSharedQueue } from './queue.ts'
import { createStorages, type Storages } from './storages.ts'
import type { RunningWorker } from './worker.ts'

/** What a process consists of. Nothing below this file asks which role it is in. */
export type Role = { name: 'serve' | 'gateway' | 'worker'; gateway: boolean; worker: boolean }

export const roles = {
  serve: { name: 'serve', gateway: true, worker: true },
  gateway: { name: 'gateway', gateway: true, worker: false },
  worker: { name: 'worker', gateway: false, worker: true },
} as const satisfies Record<string, Role>

export type RunningRole = {
  /** Of the public listeners; empty for a worker. */
  addresses: string[]
  internalAddress: string
  /** Milliseconds that {@link RunningRole.close} gives to what is in hand. */
  graceMs: number
  log: Log
  /**
   * Readiness off; requests in flight are answered, then jobs in hand are finished and the rest handed back, all within
   * the grace time; then everything is closed. `false`: native work goes on, and only the end of the process ends it.
   * Idempotent.
   */
  close(): Promise<boolean>
}

export async function startRole(role: Role, config: Config): Promise<RunningRole> {
  const { server } = config
  if (!(role.gateway && role.worker)) requireSharedQueue(server.queue, role.name)
  const log = createLog({ level: server.logLevel, role: role.name })
  const metrics = createMetrics({ mort: server.monitoring === 'prometheus' })
  const planner = role.gateway ? createPlanner(config, await loadScripts(config)) : null
  const placeholder = await readPlaceholder(server.placeholder)
  const stack = new AsyncDisposableStack()
  try {
    const queue = stack.adopt(await createQueue(server.queue, log), queue => queue.close())
    const storages = stack.use(await createStorages(config, metrics, placeholder))
    const sharedCache = role.gateway ? stack.use(await createSharedCache(config, log, metrics)) : null
    const parts = { config, queue, storages, sharedCache, placeholder, log, metrics }
    let draining = false
    const internal = await listenInternally({ ...parts, planner }, () => draining)
    stack.adopt(internal, running => running.close(0))
    let running: RunningRole | undefined
    const onStuck = (suspects: string) => {
      log.fatal({ suspects }, 'native work is past its hard limit; this process replaces itself')
      void restartInPlace(running, suspects)
    }
    const worker = role.worker ? await startWorkerPart({ ...parts, suspects: handedOver(), onStuck }) : null
    if (worker) stack.adopt(worker, async part => void (await part.close(0)))
    const servers = planner ? await listenPublicly({ ...parts, planner }) : []
    for (const server of servers) stack.adopt(server, part => part.close(0))

    let closing: Promise<boolean> | undefined
    const close = async () => {
      draining = true
      const until = Date.now() + server.worker.graceSeconds * 1000
      const left = () => Math.max(0, until - Date.now())
      // Clients still wait for jobs, so the gateway goes first.
      await Promise.all(servers.map(running => running.close(left())))
      const settled = (await worker?.close(left())) ?? true
      await stack.disposeAsync()
      return settled
    }
    running = {
      addresses: servers.map(({ address }) => address),
      internalAddress: internal.address,
      graceMs: server.worker.graceSeconds * 1000,
      log,
      close: () => {
        closing ??= close()
        return closing
      },
    }
    return running
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

type Parts = {
  config: Config
  queue: JobQueue
  storages: Storages
  sharedCache: SharedCache | null
  placeholder: Placeholder | null
  log: Log
  metrics: Metrics
}

/** sharp and its threads are loaded here and nowhere else: a gateway never does. */
async function startWorkerPart(
  parts: Parts & { suspects: string; onStuck(suspects: string): void },
): Promise<RunningWorker> {
  const { runWorker } = await import('./worker.ts')
  return runWorker(parts)
}

async function listenPublicly(parts: Parts & { planner: Planner }): Promise<RunningServer[]> {
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

function listenInternally(
  { config, planner, queue, storages, sharedCache, metrics }: Parts & { planner: Planner | null },
  draining: () => boolean,
): Promise<RunningServer> {
  const where: Listener = config.server.internalListen
  const checks: Check[] = [{ name: 'queue', required: true, run: signal => queue.ping(signal) }]
  for (const [name, storage] of storages.entries()) {
    checks.push({ name: `storage ${name}`, required: false, run: signal => storage.ping(signal) })
  }
  if (sharedCache) checks.push({ name: 'cache', required: false, run: signal => sharedCache.ping(signal) })
  registerQueueGauges(metrics, queue)
  const explain = planner && createExplain(config, planner)
  return listen(where, createInternal({ metrics, checks, draining, explain }), '--internal')
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

function registerQueueGauges(metrics: Metrics, queue: JobQueue): void {
  registerGauges(metrics, [
    {
      name: 'mortise_queue_waiting_interactive',
      help: 'Jobs that somebody waits for and nobody has started',
      read: async () => (await queue.stats()).waiting.interactive,
    },
    {
      name: 'mortise_queue_waiting_background',
      help: 'Background jobs that nobody has started',
      read: async () => (await queue.stats()).waiting.background,
    },
    {
      name: 'mortise_queue_active',
      help: 'Jobs being worked on, anywhere',
      read: async () => (await queue.stats()).active,
    },
    {
      name: 'mortise_flights',
      help: 'Misses that this process waits for',
      read: async () => (await queue.stats()).flights,
    },
    { name: 'mortise_waiters', help: 'Requests that wait for them', read: async () => (await queue.stats()).waiters },
  ])
}
