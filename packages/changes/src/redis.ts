import { randomUUID } from 'node:crypto'
import { within } from '@mortise/async'
import { messageOf } from '@mortise/errors'
import { type Client, commandMs, connectPatient, connectPrompt, type RedisTarget } from '@mortise/redis'
import type { Changes } from './changes.ts'
import { createLedger, type Entry, slotOf } from './ledger.ts'
import { epochField, parseNotice, printNotice, readCounts } from './wire.ts'

export type { RedisTarget } from '@mortise/redis'

export type RedisChangesOptions = {
  connection: RedisTarget
  /** Of all keys in Redis; gets braces around it (a hash tag) unless it has one. */
  prefix: string
  /** Told of lost connections, and of changes that not everybody has taken note of in time. */
  onError(error: unknown): void
  /** Milliseconds since the epoch. */
  now(): number
}

/** How long a change waits for everybody to take note. Milliseconds. */
const patienceMs = 2_000

/** How long a start waits to learn what has changed so far. Milliseconds. */
const startMs = 1_000

/**
 * Over Redis: a hash counts the changes of every slot, for those who come or come back; a channel tells them to those who
 * are there, and each answers on a channel of the sender's. What is announced while another announcement is under way
 * goes out as one.
 */
export async function createRedisChanges(options: RedisChangesOptions): Promise<Changes> {
  const { connection, onError, now } = options
  const names = namesFor(options.prefix)
  const ledger = createLedger(now)
  const own = randomUUID()
  const commands = connectPrompt(connection, onError)
  const ears = connectPatient(connection, onError)
  /** By the number of the notice: called for every process that has noted it. */
  const noted = new Map<number, () => void>()
  let notices = 0
  let sending: Promise<void> | undefined
  /** Slots with changes that nobody else knows of; bounded by their number. */
  const unsent = new Set<number>()

  ears.on('message', (channel: string, text: string) => {
    if (channel === names.changed) hear(text)
    else noted.get(Number(text))?.()
  })
  const caughtUp = new Promise<void>(resolve => {
    // What is told while the connection is away is missed: whenever it is back, everything is looked at.
    ears.on('ready', () => catchUp().then(resolve, onError))
  })

  async function catchUp() {
    // In this order, for what changes in between is in both.
    await ears.subscribe(names.changed, names.noted + own)
    await connected(commands)
    await commands.hsetnx(names.counts, epochField, own.slice(0, 8))
    ledger.adopt(...readCounts(await commands.hgetall(names.counts)))
    if (unsent.size > 0) await send()
  }

  function hear(text: string) {
    const notice = parseNotice(text)
    if (!notice) return
    ledger.note(notice.entries)
    commands.publish(names.noted + notice.from, String(notice.number)).catch(onError)
  }

  /** One at a time, so that a thousand deletions are a few messages. Never rejects. */
  function send(): Promise<void> {
    sending ??= sendAll()
      .catch(error => onError(new Error(`not told to other processes: ${messageOf(error)}`, { cause: error })))
      .finally(() => {
        sending = undefined
      })
    return sending
  }

  async function sendAll() {
    // What is announced in one turn of the event loop goes together.
    await new Promise(setImmediate)
    const slots = [...unsent]
    if (slots.length === 0) return
    const entries = await count(slots)
    for (const slot of slots) unsent.delete(slot)
    ledger.note(entries)
    await tell(entries)
  }

  /** Redis counts, so that everybody agrees which change is the last. */
  async function count(slots: number[]): Promise<Entry[]> {
    const pipeline = commands.pipeline()
    for (const slot of slots) pipeline.hincrby(names.counts, String(slot), 1)
    const replies = (await pipeline.exec()) ?? []
    return slots.map((slot, index) => {
      const [error, value] = replies[index] ?? [new Error('no reply')]
      if (error) throw error
      return [slot, Number(value)]
    })
  }

  async function tell(entries: Entry[]) {
    const number = ++notices
    let heard = 0
    let listeners = Number.POSITIVE_INFINITY
    const { promise: everybody, resolve } = Promise.withResolvers<void>()
    const look = () => heard >= listeners && resolve()
    noted.set(number, () => {
      heard++
      look()
    })
    try {
      listeners = await publish(commands, names.changed, printNotice({ from: own, number, entries }))
      look()
      if (await within(everybody, patienceMs)) return
      onError(new Error(`changes were noted by ${heard} of ${listeners} processes within ${patienceMs} ms`))
    } finally {
      noted.delete(number)
    }
  }

  await within(caughtUp, startMs)
  return {
    mark: ledger.mark,
    isRecent: ledger.isRecent,
    async announce(key) {
      const slot = slotOf(key)
      ledger.bump(slot)
      unsent.add(slot)
      // One that is under way has perhaps gathered what it tells before this one came.
      await sending
      await send()
    },
    async [Symbol.asyncDispose]() {
      await within(sending ?? Promise.resolve(), patienceMs)
      commands.disconnect()
      ears.disconnect()
    },
  }
}

/** They carry one hash tag, so that a cluster keeps them together. */
function namesFor(prefix: string) {
  const tagged = /\{[^}]+\}/.test(prefix) ? prefix : `{${prefix}}`
  return { counts: `${tagged}:changes`, changed: `${tagged}:changed`, noted: `${tagged}:noted:` }
}

async function connected(client: Client): Promise<void> {
  if (client.status === 'ready') return
  const { promise, resolve } = Promise.withResolvers<void>()
  client.once('ready', resolve)
  await within(promise, commandMs)
  client.off('ready', resolve)
}

/** Resolves with how many processes are told. */
async function publish(client: Client, channel: string, text: string): Promise<number> {
  if (!client.isCluster) return client.publish(channel, text)
  // Every node tells those who listen to it, and counts only them.
  const nodes = (client as Extract<Client, { nodes: unknown }>).nodes('all')
  const [counts] = await Promise.all([
    Promise.all(nodes.map(node => node.call('PUBSUB', 'NUMSUB', channel))),
    client.publish(channel, text),
  ])
  return counts.reduce<number>((sum, reply) => sum + Number((reply as unknown[])[1] ?? 0), 0)
}
