import { setInterval as every } from 'node:timers/promises'
import type { Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import { createPlanner, loadScripts } from '@mortise/plan'
import type { BatchQueue } from '@mortise/queue/batches'
import { createLog, createMetrics, type Log, type Metrics } from '@mortise/telemetry'
import { createWarm, type Warming, type WarmOrder, type WarmProgress } from '@mortise/warm'
import { createBatches } from '../compose/batches.ts'
import { createChanges } from '../compose/changes.ts'
import { createQueue } from '../compose/queue.ts'
import { createStorages, type Storages } from '../compose/storages.ts'
import type { RunningWorker } from '../compose/worker.ts'
import { handedOver, restartInPlace } from '../life-cycle.ts'
import { createDisplay } from './display.ts'
import { printEnd } from './print.ts'

/** ms for Redis to answer at all. */
const reachMs = 5_000
/** What may come on top of the grace of a worker. */
const marginMs = 10_000
/** As shells have it. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Runs until all is made or a signal comes, and ends the process: with 0, with 1 when something failed, or as a shell does
 * for a signal. On a queue of other processes they do the work; one in memory is worked on here.
 */
export async function runWarm(config: Config, order: WarmOrder): Promise<void> {
  const { server } = config
  const graceMs = server.worker.graceSeconds * 1000
  const log = createLog({ level: server.logLevel, role: 'warm' })
  // What cannot be made is told at the end, in one list.
  log.level = 'warn'
  const metrics = createMetrics({ mort: false })
  const planner = createPlanner(config, await loadScripts(config))
  const stack = new AsyncDisposableStack()
  let settled = true
  let code: number
  try {
    const storages = stack.use(await createStorages(config, metrics, null))
    const batches = stack.use(await createBatches(server.queue, log, metrics))
    const warm = createWarm({ config, planner, batches, storage: storages.get, now: () => performance.now() })
    const stop = listenForSignals(graceMs)
    const warming = await begin(() => warm(order, stop.signal), batches, order)
    const own = server.queue.type === 'memory' && !order.dryRun
    const worker = own ? await startWorker({ config, batches, storages, log, metrics }) : null
    // What is in hand is finished, also when the rest is not to be done.
    if (worker) {
      stack.defer(async () => {
        settled = await worker.close(graceMs)
      })
    }
    const end = await follow(warming, order)
    console.log(printEnd(end, order, server.queue.type !== 'memory'))
    code = stop.code() ?? (end.state === 'done' && end.failed === 0 ? 0 : 1)
  } finally {
    await stack.disposeAsync()
  }
  // Native work would hold up a usual exit.
  if (settled) process.exit(code)
  process.kill(process.pid, 'SIGKILL')
}

/** Mistakes of the order come first; then a queue that nobody reaches, before anything is listed. */
async function begin(start: () => Warming, batches: BatchQueue, { dryRun }: WarmOrder): Promise<Warming> {
  if (!dryRun) await batches.ping(AbortSignal.timeout(reachMs))
  return start()
}

async function follow(warming: Warming, order: WarmOrder): Promise<WarmProgress> {
  const display = createDisplay(process.stderr, order)
  const over = new AbortController()
  const shown = (async () => {
    for await (const _ of every(display.everyMs, null, { signal: over.signal })) display.show(warming.progress())
  })().catch(() => undefined)
  const end = await warming.ended
  over.abort()
  await shown
  display.clear()
  return end
}

/** The first signal ends it, the second one does not wait, nor does a process that cannot end. */
function listenForSignals(graceMs: number) {
  const abort = new AbortController()
  let code: number | undefined
  const die = () => process.kill(process.pid, 'SIGKILL')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (code !== undefined) return die()
      code = exitCodes[signal]
      setTimeout(die, graceMs + marginMs).unref()
      abort.abort(new MortiseError('cancelled', `interrupted by ${signal}`))
    })
  }
  return { signal: abort.signal, code: () => code }
}

type Parts = { config: Config; batches: BatchQueue; storages: Storages; log: Log; metrics: Metrics }

/** What `mortise serve` has for a worker, and nothing that listens. */
async function startWorker(parts: Parts): Promise<RunningWorker> {
  const { config, log, metrics } = parts
  const { runWorker } = await import('../compose/worker.ts')
  const queue = await createQueue(config.server.queue, log, metrics)
  const changes = await createChanges(config, log)
  const onStuck = (suspects: string) => {
    log.fatal({ suspects }, 'native work is past its hard limit; this process begins again')
    void restartInPlace(undefined, suspects)
  }
  const worker = await runWorker({ ...parts, queue, changes, suspects: handedOver(), onStuck })
  return {
    async close(graceMs) {
      const settled = await worker.close(graceMs)
      await Promise.all([queue.close(), changes[Symbol.asyncDispose]()])
      return settled
    },
  }
}
