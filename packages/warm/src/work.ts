import { limitTime } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import { groupByOriginal, type Location, type Plan, type Planner } from '@mortise/plan'
import type { BatchQueue } from '@mortise/queue/batches'
import { isImage, type ObjectInfo, type Storage } from '@mortise/storage'
import { isWhole, readRecord } from '@mortise/storage/record'
import { isDerivative, type Suspicion } from './derivatives.ts'
import type { WarmOrder } from './order.ts'
import type { Found } from './originals.ts'
import type { Patience } from './patience.ts'
import type { Tally } from './tally.ts'

export type WorkOptions = {
  order: WarmOrder
  planner: Pick<Planner, 'pregenerated'>
  batches: Pick<BatchQueue, 'run'>
  storage(name: string): Storage
  suspect(object: Location): Suspicion
  tally: Tally
  patience: Patience
  signal: AbortSignal
  /** Milliseconds for a look into a storage. */
  timeout: number
}

/** Gives the function that does for one object what is to be done, and tells the tally. */
export function createWork(options: WorkOptions): (found: Found) => Promise<void> {
  const { order, planner, batches, suspect, tally, patience, signal } = options
  const { bucket, presets, dryRun } = order
  const wanted = presets ? { presets } : {}

  const head = (location: Location) =>
    patience.try(
      () =>
        limitTime(options.timeout, signal, limited => options.storage(location.storage).head(location, limited), late),
      signal,
    )

  async function isOriginal(object: Location): Promise<boolean> {
    const suspicion = suspect(object)
    if (suspicion !== 'perhaps') return suspicion === 'no'
    const info = await head(object)
    return info !== null && !isDerivative(options.storage(object.storage).kind, object.key, info)
  }

  /** One batch after the other: the queue would make one of them. */
  async function queue(key: string, plans: Plan[]) {
    for (const batch of groupByOriginal(plans)) {
      tally.queued(1)
      try {
        tally.ended(key, await patience.try(() => batches.run(batch, signal), signal))
      } catch (error) {
        // It stays in the queue.
        signal.throwIfAborted()
        // No other original would fare better.
        if (!(error instanceof MortiseError) || error.retry) throw error
        tally.failed(key, error, batch.plans.length)
      }
      tally.queued(-1)
    }
  }

  async function look(object: Location, plans: Plan[]) {
    const original = await head(object)
    if (!original || !isImage(original)) return tally.ignored()
    for (const plan of plans) {
      const isThere = isCurrent(await head(plan.derivative), plan, original)
      tally.looked(isThere ? { missing: 0, skipped: 1 } : { missing: 1, skipped: 0 })
    }
  }

  return async ({ key }) => {
    tally.taken()
    const object = { storage: `${bucket}/basic`, bucket, key }
    const plans = (await isOriginal(object)) ? planner.pregenerated(object, wanted) : []
    if (plans.length === 0) tally.ignored()
    else if (dryRun) await look(object, plans)
    else await queue(key, plans)
    tally.done()
  }
}

/** A worker would skip it. */
function isCurrent(info: ObjectInfo | null, plan: Plan, original: ObjectInfo): boolean {
  if (!info || !isWhole(info)) return false
  const record = readRecord(info)
  return record.plan === plan.id && record.original === original.etag
}

const late = () => new MortiseError('storage_unavailable', 'head: no answer in time')
