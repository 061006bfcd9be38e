import { setTimeout as delay } from 'node:timers/promises'
import type { BucketConfig } from '@mortise/config'
import type { Storage } from '@mortise/storage'
import type { Log } from '@mortise/telemetry'
import { forEach } from '../concurrency.ts'
import { beginOf, idPages, keyPages, places } from './places.ts'

export type Sweeper = AsyncDisposable & {
  /** Removes all that an upload holds, in the background, or, when too many others wait for that, once it is too old. */
  clearSoon(bucket: string, id: string): void
  /** Removes what is too old, in every bucket. Never rejects. */
  sweep(): Promise<void>
}

export type SweeperOptions = {
  buckets: Record<string, BucketConfig>
  storageOf(bucket: string): Storage
  maxAgeDays: number
  /** Milliseconds between two sweeps; absent: nobody sweeps by himself. */
  sweepEvery?: number
  log: Pick<Log, 'warn'>
  /** Milliseconds since the epoch. */
  now(): number
}

const atOnce = 8
const maxInBackground = 4
/** Uploads that wait for that. */
const maxWaiting = 10_000
const dayMs = 24 * 3600_000

export function createSweeper({ buckets, storageOf, maxAgeDays, sweepEvery, log, now }: SweeperOptions): Sweeper {
  const closing = new AbortController()
  const { signal } = closing
  const background = new Set<Promise<void>>()
  const waiting: { bucket: string; id: string }[] = []

  /** What is below, then the folders that this may leave behind, from the inside to the outside. */
  async function clear(bucket: string, id: string): Promise<void> {
    const storage = storageOf(bucket)
    for (let pass = 0; pass < 4; pass++) {
      let seen = 0
      for await (const keys of keyPages(storage, bucket, places.of(id), signal)) {
        seen += keys.length
        await forEach(keys, atOnce, key => storage.delete({ bucket, key }, signal))
      }
      if (seen === 0) return
    }
  }

  async function clearWaiting(): Promise<void> {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      // What stays because of an error goes when it is too old.
      await clear(next.bucket, next.id).catch(() => {})
    }
  }

  async function sweepBucket(bucket: string): Promise<void> {
    const storage = storageOf(bucket)
    if (!storage.list) return
    const before = now() - maxAgeDays * dayMs
    for await (const ids of idPages(storage, bucket, signal)) {
      for (const id of ids) {
        // The others are younger.
        if ((beginOf(id)?.getTime() ?? 0) > before) return
        await clear(bucket, id)
      }
    }
  }

  async function sweep(): Promise<void> {
    for (const { name, keys } of Object.values(buckets)) {
      // Nobody can have begun an upload where nobody may write.
      if (keys.length === 0 || signal.aborted) continue
      await sweepBucket(name).catch(error => {
        const reason = error instanceof Error ? error.message : String(error)
        if (!signal.aborted) log.warn({ bucket: name, reason }, 'old uploads are not removed')
      })
    }
  }

  async function sweepAgain(every: number): Promise<void> {
    while (!signal.aborted) {
      await delay(every, undefined, { signal, ref: false }).catch(() => {})
      if (!signal.aborted) await sweep()
    }
  }
  const sweeping = sweepEvery === undefined ? null : sweepAgain(sweepEvery)

  return {
    sweep,
    clearSoon(bucket, id) {
      if (waiting.length < maxWaiting) waiting.push({ bucket, id })
      if (background.size >= maxInBackground) return
      const clearing = clearWaiting().finally(() => background.delete(clearing))
      background.add(clearing)
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.allSettled([sweeping, ...background])
    },
  }
}
