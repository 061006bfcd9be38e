import type { Config, Listener } from '@mortise/config'
import { type Check, createGateway, createInternal, listen, type RunningServer } from '@mortise/gateway'
import { createPlanner, loadScripts } from '@mortise/plan'
import type { JobQueue } from '@mortise/queue'
import { createLog, createMetrics, type Log, type Metrics, registerGauges } from '@mortise/telemetry'
import { restartInPlace } from '../life-cycle.ts'
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
  const metrics = createMetrics()
  const stack = new AsyncDisposableStack()
  try {
    const queue = stack.adopt(await createQueue(server.queue, log), queue => queue.close())
    const storages = stack.use(await createStorages(config, metrics))
    const parts = { config, queue, storages, log, metrics }
    let draining = false
    const internal = await listenInternally(parts, () => draining)
    stack.adopt(internal, running => running.close(0))
    let running: RunningRole | undefined
    const onStuck = () => {
      log.fatal('native work is past its hard limit; this process replaces itself')
      void restartInPlace(running)
    }
    const worker = role.worker ? await startWorkerPart({ ...parts, onStuck }) : null
    if (worker) stack.adopt(worker, async part => void (await part.close(0)))
    const servers = role.gateway ? await listenPublicly(parts) : []
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

type Parts = { config: Config; queue: JobQueue; storages: Storages; log: Log; metrics: Metrics }

/** sharp and its threads are loaded here and nowhere else: a gateway never does. */
async function startWorkerPart(parts: Parts & { onStuck(): void }): Promise<RunningWorker> {
  const { runWorker } = await import('./worker.ts')
  return runWorker(parts)
}

async function listenPublicly({ config, queue, storages, log, metrics }: Parts): Promise<RunningServer[]> {
  const planner = createPlanner(config, await loadScripts(config))
  const handle = createGateway({ config, planner, queue, storage: storages.get, log, metrics, now: Date.now })
  const servers: RunningServer[] = []
  try {
    for (const where of config.server.listens) servers.push(await listen(where, handle))
    return servers
  } catch (error) {
    await Promise.all(servers.map(server => server.close(0)))
    throw error
  }
}

function listenInternally(
  { config, queue, storages, metrics }: Parts,
  draining: () => boolean,
): Promise<RunningServer> {
  const where: Listener = config.server.internalListen
  const checks: Check[] = [{ name: 'queue', required: true, run: signal => queue.ping(signal) }]
  for (const [name, storage] of storages.entries()) {
    checks.push({ name: `storage ${name}`, required: false, run: signal => storage.ping(signal) })
  }
  registerQueueGauges(metrics, queue)
  return listen(where, createInternal({ metrics, checks, draining }))
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
