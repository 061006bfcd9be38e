import { within } from '@mortise/async'
import { messageOf } from '@mortise/errors'
import { maxEntries } from './wire.ts'

export type OutboxOptions = {
  /** Resolves when they are sent, with what resolves when everybody has taken note. */
  send(slots: readonly number[]): Promise<{ noted: Promise<void> }>
  onError(error: unknown): void
}

/** Slots with changes that nobody else knows of; bounded by their number. */
export type Outbox = {
  /** Resolves when everybody has taken note of it, or when it could not be sent; then it stays here. Never rejects. */
  add(slot: number): Promise<void>
  /** Sends what could not be sent. */
  flush(): void
  /** Sends no more. Resolves when nobody waits. */
  close(): Promise<void>
}

/** While others have not answered yet, what is announced goes out this often: a thousand deletions are a few messages. */
const gatherMs = 20

type Entry = [slot: number, waiter: PromiseWithResolvers<void>]

export function createOutbox({ send, onError }: OutboxOptions): Outbox {
  const unsent = new Map<number, PromiseWithResolvers<void>>()
  let last: Promise<unknown> = Promise.resolve()
  let sending: Promise<void> | undefined
  let closed = false

  function add(slot: number): Promise<void> {
    const waiter = unsent.get(slot) ?? Promise.withResolvers<void>()
    unsent.set(slot, waiter)
    flush()
    return waiter.promise
  }

  function flush() {
    if (unsent.size > 0 && !closed) sending ??= sendAll()
  }

  /** One at a time, so that nobody hears of the later change first. */
  async function sendAll() {
    while (unsent.size > 0 && !closed) {
      await within(last, gatherMs)
      // What is announced in one turn of the event loop goes together.
      await new Promise(setImmediate)
      const batch = [...unsent].slice(0, maxEntries)
      for (const [slot] of batch) unsent.delete(slot)
      try {
        const { noted } = await send(batch.map(([slot]) => slot))
        last = noted.then(() => end(batch))
      } catch (error) {
        onError(new Error(`not told to other processes: ${messageOf(error)}`, { cause: error }))
        keep(batch)
        break
      }
    }
    // Right here, so that what is added from now on is sent.
    sending = undefined
  }

  /** Nobody waits for the next attempt, who knows when that is. */
  function keep(batch: Entry[]) {
    const all = [...batch, ...unsent]
    for (const [slot] of all) unsent.set(slot, Promise.withResolvers())
    end(all)
  }

  return {
    add,
    flush,
    async close() {
      closed = true
      await sending
      await last
    },
  }
}

function end(batch: Entry[]): void {
  for (const [, { resolve }] of batch) resolve()
}
