import os from 'node:os'
import type { Config } from '@mortise/config'
import { createDerive } from '@mortise/derive'
import { createImagePool, type ImagePool } from '@mortise/image'
import type { Consumer, JobQueue } from '@mortise/queue'
import { type Log, type Metrics, registerGauges } from '@mortise/telemetry'
import { startWorker } from '@mortise/worker'
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
  storages: Storages
  log: Log
  metrics: Metrics
  /** Native work is past its hard limit and cannot be ended: this process has to be replaced. */
  onStuck(): void
}

export async function runWorker({
  config,
  queue,
  storages,
  log,
  metrics,
  onStuck,
}: WorkerParts): Promise<RunningWorker> {
  const { server, limits } = config
  const threads = server.worker.threads || os.availableParallelism()
  const images = createImagePool({ threads, limits: { ...limits, memory: limits.memory || defaultMemory() }, onStuck })
  const derive = createDerive({
    storage: storages.get,
    images: measureImages(images, metrics),
    originals: threads * 2,
    limits: { inputBytes: limits.inputBytes, storageTimeout: server.worker.sourceTimeout * 1000 },
    now: Date.now,
  })
  // Beside the originals in memory: jobs whose result is being stored.
  const consumer = await startWorker({ queue, derive, concurrency: threads * 4, log, metrics })
  registerWorkerGauges(metrics, images, consumer)
  return {
    async close(graceMs) {
      await consumer.close(graceMs)
      return images.close(settleMs)
    },
  }
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
