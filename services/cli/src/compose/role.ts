import type { Config } from '@mortise/config'
import { createArchive, createUploads, type Uploads } from '@mortise/gateway'
import { createPlanner, loadScripts } from '@mortise/plan'
import { createLog, createMetrics, type Log } from '@mortise/telemetry'
import { handedOver, restartInPlace } from '../life-cycle.ts'
import { createBatches } from './batches.ts'
import { createSharedCache } from './cache.ts'
import { createChanges } from './changes.ts'
import { listenInternally, listenPublicly } from './listeners.ts'
import { createOperation } from './operation.ts'
import { readPlaceholder } from './placeholder.ts'
import { createQueue, requireSharedQueue } from './queue.ts'
import { createStorages, type Storages } from './storages.ts'
import type { RunningWorker, WorkerParts } from './worker.ts'

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
    const queue = stack.adopt(await createQueue(server.queue, log, metrics), queue => queue.close())
    const batches = stack.use(await createBatches(server.queue, log, metrics))
    const storages = stack.use(await createStorages(config, metrics, placeholder))
    const changes = stack.use(await createChanges(config, log))
    const sharedCache = role.gateway ? stack.use(await createSharedCache(config, log, metrics)) : null
    const parts = { config, queue, batches, storages, changes, sharedCache, placeholder, log, metrics }
    let draining = false
    const operation = stack.use(await createOperation({ ...parts, planner }))
    const internal = await listenInternally({ ...parts, planner, operation }, () => draining)
    stack.adopt(internal, running => running.close(0))
    let running: RunningRole | undefined
    const onStuck = (suspects: string) => {
      log.fatal({ suspects }, 'native work is past its hard limit; this process replaces itself')
      void restartInPlace(running, suspects)
    }
    const worker = role.worker ? await startWorkerPart({ ...parts, suspects: handedOver(), onStuck }) : null
    if (worker) stack.adopt(worker, async part => void (await part.close(0)))
    const uploads = planner && stack.use(startUploads(config, storages, log))
    const archive = stack.use(createArchive({ ...config, storage: storages.get, log, metrics, now: Date.now }))
    const servers = planner && uploads ? await listenPublicly({ ...parts, planner, uploads, archive }) : []
    for (const server of servers) stack.adopt(server, part => part.close(0))

    let closing: Promise<boolean> | undefined
    const close = async () => {
      draining = true
      const until = Date.now() + server.worker.graceSeconds * 1000
      const left = () => Math.max(0, until - Date.now())
      // Clients still wait for jobs, so the gateway goes first.
      await Promise.all([operation.jobs?.close(), ...servers.map(running => running.close(left()))])
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

/** sharp and its threads are loaded here and nowhere else: a gateway never does. */
async function startWorkerPart(parts: WorkerParts): Promise<RunningWorker> {
  const { runWorker } = await import('./worker.ts')
  return runWorker(parts)
}

/** Milliseconds between two looks for uploads that nobody completed. */
const sweepEvery = 3600_000

function startUploads({ buckets, limits }: Config, storages: Storages, log: Log): Uploads {
  return createUploads({
    ...{ buckets, log, sweepEvery },
    storage: storages.get,
    maxAgeDays: limits.uploadDays,
    now: Date.now,
  })
}
