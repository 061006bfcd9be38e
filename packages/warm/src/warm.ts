import type { Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Planner } from '@mortise/plan'
import type { BatchQueue } from '@mortise/queue/batches'
import type { Storage } from '@mortise/storage'
import { createSuspicion } from './derivatives.ts'
import { each } from './each.ts'
import { proveOrder, type WarmOrder } from './order.ts'
import { listPages } from './originals.ts'
import { createPatience, type Patience } from './patience.ts'
import { createTally, type Tally, type WarmProgress } from './tally.ts'
import { createWork } from './work.ts'

export type { WarmOrder } from './order.ts'
export type { WarmFailure, WarmProgress } from './tally.ts'

export type WarmDeps = {
  config: Config
  planner: Pick<Planner, 'pregenerated'>
  batches: Pick<BatchQueue, 'run'>
  /** By name as in a Plan. Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  /** Milliseconds since some fixed point. */
  now(): number
}

/** One that has begun. */
export type Warming = {
  progress(): WarmProgress
  /** Its progress at the end, whichever that is. Never rejects. */
  readonly ended: Promise<WarmProgress>
}

/**
 * Has the derivatives made that originals of a bucket are to have before anybody asks. It does not wait for their
 * beginning: aborting the signal ends it, and batches that are queued stay so. Throws `no_such_bucket`,
 * `invalid_request`, and `unsupported` for a storage that cannot tell its keys.
 */
export type Warm = (order: WarmOrder, signal: AbortSignal) => Warming

/** Originals whose batches are in the queue at one time; no more than a part of what may wait there. */
const maxOutstanding = 256
const shareOfQueue = 4
/** Originals that a dry run looks at, at one time. */
const looksAtOnce = 16

export function createWarm(deps: WarmDeps): Warm {
  const { config, now } = deps
  const suspect = createSuspicion(config)
  const { maxBackground } = config.server.queue
  const outstanding = Math.min(maxOutstanding, Math.max(1, Math.floor(maxBackground / shareOfQueue)))
  const timeout = config.server.worker.sourceTimeout * 1000

  async function run(order: WarmOrder, signal: AbortSignal, tally: Tally, patience: Patience): Promise<void> {
    const { bucket, dryRun } = order
    const storage = deps.storage(`${bucket}/basic`)
    const failing = new AbortController()
    const either = AbortSignal.any([signal, patience.signal, failing.signal])
    const common = { ...deps, storage: deps.storage, patience, signal: either, timeout }
    const pages = () => listPages(storage, { ...common, bucket, prefix: `/${order.prefix}` })
    const originals = async function* () {
      for await (const page of pages()) yield* page
    }
    // Ahead of the work, which waits for the queue: how much there is to do is known soon.
    const counting = count(pages(), tally)
    const work = createWork({ ...common, order, tally, suspect })
    await each(originals(), dryRun ? looksAtOnce : outstanding, work, error => failing.abort(error)).finally(() =>
      failing.abort(new MortiseError('cancelled', 'it has ended')),
    )
    await counting
  }

  return (order, signal) => {
    proveOrder(config, order)
    const { list, kind } = deps.storage(`${order.bucket}/basic`)
    if (!list) throw new MortiseError('unsupported', `a storage of the kind ${kind} cannot tell its keys`)
    const tally = createTally(now)
    const end = async (): Promise<WarmProgress> => {
      using patience = createPatience({ now })
      try {
        await run(order, signal, tally, patience)
        tally.end('done')
      } catch (error) {
        if (signal.aborted) tally.end('cancelled')
        else tally.end('failed', error)
      }
      return tally.progress()
    }
    return { progress: tally.progress, ended: end() }
  }
}

/** Never rejects: what is found is of use without being all. */
async function count(pages: AsyncGenerator<unknown[]>, tally: Tally): Promise<void> {
  try {
    for await (const page of pages) tally.found(page.length)
    tally.counted()
  } catch {
    // Who works on them finds out why.
  }
}
