import { setTimeout as delay } from 'node:timers/promises'
import { limitTime } from '@mortise/async'
import { MortiseError, messageOf } from '@mortise/errors'
import type { Derivatives, Location, Planner } from '@mortise/plan'
import type { Listing, Storage } from '@mortise/storage'
import { readRecord } from '@mortise/storage/record'
import { forEach } from '../s3/concurrency.ts'
import { createTurns, type Turns } from './turns.ts'

export type RemoveDerivativesDeps = {
  planner: Pick<Planner, 'derivativesOf'>
  /** By name as in a Plan. Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  /** Milliseconds: for one call to a storage, and for all of one object. */
  timeouts: { call: number; all: number }
}

/**
 * Takes away what was made of an object, from all storages that have it. Rejects with `storage_unavailable` when some of
 * it may be left: whoever changed the object has to do it again.
 */
export type RemoveDerivatives = (object: Location) => Promise<void>

/** Calls to one storage at one time: of one object, and of all of them. */
const atOnce = 16
const atOnceOfAll = 64
const pageSize = 1000
/** Bytes; no key is longer. */
const maxTrace = 8192
const maxTries = 3
/** Milliseconds, four times as long at every try. */
const restMs = 50

export function createRemoveDerivatives({ planner, storage, timeouts }: RemoveDerivativesDeps): RemoveDerivatives {
  /** By name of a storage, so that a slow one holds up nobody else; there are no more than are configured. */
  const turns = new Map<string, Turns>()
  const turnsOf = (name: string) => {
    const own = turns.get(name) ?? createTurns(atOnceOfAll)
    turns.set(name, own)
    return own
  }

  async function removeAll(derivatives: Derivatives, signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const open = storage(derivatives.storage)
        return await removeFrom({ derivatives, storage: open, turns: turnsOf(derivatives.storage), timeouts, signal })
      } catch (error) {
        const passes = error instanceof MortiseError && error.retry
        if (!passes || signal.aborted || tries === maxTries) throw error
        await delay(restMs * 4 ** tries, undefined, { signal })
      }
    }
  }

  return async object => {
    const found = planner.derivativesOf(object)
    if (found.length === 0) return
    const signal = AbortSignal.timeout(timeouts.all)
    const results = await Promise.allSettled(found.map(derivatives => removeAll(derivatives, signal)))
    const failed = results.find(({ status }) => status === 'rejected')
    if (failed?.status !== 'rejected') return
    const { reason: cause } = failed
    if (!signal.aborted && !(cause instanceof MortiseError)) throw cause
    throw new MortiseError('storage_unavailable', `derivatives are left: ${messageOf(cause)}`, { cause, retryAfter: 1 })
  }
}

type Removal = {
  derivatives: Derivatives
  storage: Storage
  turns: Turns
  timeouts: { call: number }
  signal: AbortSignal
}

/** Takes away what is in one storage. */
async function removeFrom({ derivatives, storage, turns, timeouts, signal }: Removal): Promise<void> {
  const { bucket, shared } = derivatives
  const late = () =>
    new MortiseError('storage_unavailable', `${derivatives.storage}: no answer in time`, { retryAfter: 1 })

  async function call<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    using _turn = await turns.enter(signal)
    return await limitTime(timeouts.call, signal, run, late)
  }

  const drop = (key: string) => call(limited => storage.delete({ bucket, key }, limited))

  /** Where originals may be, an object without the record of a derivative is one; plain files have none anywhere. */
  async function remove(key: string): Promise<void> {
    if (shared && storage.kind !== 'local') {
      const info = await call(limited => storage.head({ bucket, key }, limited))
      if (!info || readRecord(info).plan === undefined) return
    }
    await drop(key)
  }

  async function follow(trace: string): Promise<void> {
    const key = await call(limited => readText(storage, { bucket, key: trace }, limited))
    if (key?.startsWith('/')) await remove(key)
    // Not before: who fails in between finds it again.
    await drop(trace)
  }

  async function eachBelow(prefix: string, work: (key: string) => Promise<void>): Promise<void> {
    const { list } = storage
    for (let after: string | null = ''; list && after !== null; ) {
      const from: string = after
      const page: Listing = await call(limited =>
        list(bucket, { prefix, after: from, limit: pageSize, signal: limited }),
      )
      await forEach(page.objects, atOnce, ({ key }) => work(key))
      after = page.next
    }
  }

  try {
    await forEach(derivatives.keys, atOnce, remove)
    for (const prefix of derivatives.prefixes) await eachBelow(prefix, remove)
    if (derivatives.traces !== null) await eachBelow(derivatives.traces, follow)
  } catch (error) {
    // Where nothing can be deleted nothing is stored either.
    if (!(error instanceof MortiseError && error.code === 'unsupported')) throw error
  }
}

async function readText(storage: Storage, ref: { bucket: string; key: string }, signal: AbortSignal) {
  await using object = await storage.get(ref, { signal })
  return object && Buffer.from(await object.bytes(maxTrace)).toString()
}
