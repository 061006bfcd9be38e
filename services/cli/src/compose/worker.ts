import os from 'node:os'
import type { Changes } from '@mortise/changes'
import type { Config } from '@mortise/config'
import { createDerive, createDeriveAll, createOverlays, type Overlays } from '@mortise/derive'
import { createGuardedFetch } from '@mortise/fetch'
import { createImagePool, type ImagePool } from '@mortise/image'
import { createTraces, type Location, presetWatermarks } from '@mortise/plan'
import type { Consumer, JobQueue } from '@mortise/queue'
import type { BatchQueue } from '@mortise/queue/batches'
import { type Log, type Metrics, registerGauges } from '@mortise/telemetry'
import { createSuspects, startBatchWorker, startWorker } from '@mortise/worker'
import { isSameObject } from './places.ts'
import type { Storages } from './storages.ts'

export type RunningWorker = {
  /** Finishes the jobs in hand within `graceMs` and hands the others back. `false`: native work goes on in spite of that. */
  close(graceMs: number): Promise<boolean>
}

/** For renders whose job was handed back, after the grace: they end at their next step, or not at all. */
const settleMs = 1000

export type WorkerParts = {
  config: Config
  queue: JobQueue
  batches: BatchQueue
  storages: Storages
  changes: Changes
  log: Log
  metrics: Metrics
  /** What the process before this one handed over in `onStuck`; empty when there was none. */
  suspects: string
  /** Native work is past its hard limit and cannot be ended: this process has to be replaced. */
  onStuck(suspects: string): void
}

export async function runWorker({
  config,
  queue,
  batches,
  storages,
  changes,
  log,
  metrics,
  ...parts
}: WorkerParts): Promise<RunningWorker> {
  const { server, limits, security } = config
  const threads = server.worker.threads || os.availableParallelism()
  const bounds = { ...limits, memory: limits.memory || defaultMemory() }
  const suspects = createSuspects(parts.suspects, Date.now)
  // The pool waits longer than that for a render: the one that does not end is among those that began before.
  const onStuck = () => parts.onStuck(suspects.print(limits.renderSeconds * 2000))
  const watermarks = presetWatermarks(config)
  const images = createImagePool({ threads, limits: bounds, svg: security.svg, svgOverlays: watermarks, onStuck })
  const overlays = createOverlaysFor(config, watermarks, threads * 2)
  const making = {
    storage: storages.get,
    images: measureImages(images, metrics),
    overlays,
    changes,
    traceOf: createTraces(config),
    isSameObject: (one: Location, other: Location) => isSameObject(config, one, other),
    limits: { inputBytes: limits.inputBytes, storageTimeout: server.worker.sourceTimeout * 1000 },
    now: Date.now,
  }
  const derive = createDerive({ ...making, originals: threads * 2 })
  // Beside the originals in memory: jobs whose result is being stored.
  const consumer = await startWorker({ queue, derive, concurrency: threads * 4, suspects, log, metrics })
  // What is made ahead of time has its own places, one for each thread, and so never those of who waits.
  const deriveAll = createDeriveAll({ ...making, originals: threads })
  const ahead = await startBatchWorker({ batches, deriveAll, concurrency: threads, suspects, log, metrics })
  registerWorkerGauges(metrics, images, consumer)
  return {
    async close(graceMs) {
      await Promise.all([consumer.close(graceMs), ahead.close(graceMs)])
      await overlays[Symbol.asyncDispose]()
      return images.close(settleMs)
    },
  }
}

/** `watermarks`: those of presets. `slots`: watermarks on their way at one time. */
function createOverlaysFor({ security }: Config, watermarks: ReadonlySet<string>, slots: number): Overlays {
  const { networks, bytes: maxBytes, timeout: seconds, redirects: maxRedirects } = security.fetch
  const timeout = seconds * 1000
  const local = [...watermarks].filter(name => name.startsWith('file:'))
  return createOverlays({
    fetch: createGuardedFetch({ networks, maxBytes, timeoutMs: timeout, maxRedirects }),
    files: new Set(local.map(name => name.slice('file:'.length))),
    ...{ timeout, maxBytes, slots, now: Date.now },
  })
}

/** Half of what this process may have, which leaves room for the files, the encoders and JavaScript. */
function defaultMemory(): number {
  const constrained = process.constrainedMemory()
  return Math.floor(Math.min(os.totalmem(), constrained || Number.POSITIVE_INFINITY) / 2)
}

function measureImages(images: ImagePool, { generationTime }: Metrics): ImagePool {
  return {
    ...images,
    async render(request) {
      const started = performance.now()
      const rendered = await images.render(request)
      generationTime.observe(performance.now() - started)
      return rendered
    },
  }
}

function registerWorkerGauges(metrics: Metrics, images: ImagePool, consumer: Consumer): void {
  registerGauges(metrics, [
    { name: 'mortise_render_threads', help: 'Threads that render', read: () => images.stats().threads },
    { name: 'mortise_renders_running', help: 'Renders running', read: () => images.stats().running },
    {
      name: 'mortise_renders_waiting',
      help: 'Renders waiting for a thread or for memory',
      read: () => images.stats().waiting,
    },
    {
      name: 'mortise_bytes_in_flight',
      help: 'Estimated bytes of originals and pixels in memory',
      read: () => images.stats().memory,
    },
    { name: 'mortise_jobs_in_hand', help: 'Jobs that this worker has taken', read: () => consumer.active },
  ])
}
