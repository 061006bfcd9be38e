import { randomUUID } from 'node:crypto'
import { within } from '@mortise/async'
import { type Client, commandMs, connectPatient, connectPrompt, type RedisTarget } from '@mortise/redis'
import type { Changes } from './changes.ts'
import { createLedger, slotOf } from './ledger.ts'
import { createCounts } from './redis/counts.ts'
import { createNotices, patienceMs } from './redis/notices.ts'
import { createOutbox } from './redis/outbox.ts'
import type { Notice } from './redis/wire.ts'

export type { RedisTarget } from '@mortise/redis'

export type RedisChangesOptions = {
  connection: RedisTarget
  /** Of all keys in Redis; gets braces around it (a hash tag) unless it has one. */
  prefix: string
  /** Told of changes that not everybody has taken note of in time. */
  onError(error: unknown): void
  /** Milliseconds since the epoch. */
  now(): number
}

/** How long a start waits to learn what has changed so far. Milliseconds. */
const startMs = 1_000

/** How often somebody who was told nothing makes sure that there was nothing to tell. Milliseconds. */
const checkMs = 5_000

/**
 * Over Redis: a hash counts the changes of every slot, for those who come or come back; a channel tells them to those who
 * are there, and each answers on a channel of the sender's.
 */
export async function createRedisChanges(options: RedisChangesOptions): Promise<Changes> {
  const { connection, onError, now } = options
  const names = namesFor(options.prefix)
  const own = randomUUID()
  const ledger = createLedger(now, own)
  // Whoever shares this Redis for more than that tells of its connections; what could not be told is told of below.
  const commands = connectPrompt(connection, () => {})
  const ears = connectPatient(connection, () => {})
  const counts = createCounts(commands, names.counts)
  const notices = createNotices({ commands, ears, channels: names, own, onNotice, onError })
  const outbox = createOutbox({ send, onError })
  const started = Promise.withResolvers<void>()
  let catchingUp: Promise<void> | undefined
  let behind = true
  let expected = 0

  // What is told while the connection is away is missed: whenever it is back, everything is looked at.
  ears.on('close', () => {
    behind = true
    catchingUp = undefined
  })
  ears.on('ready', () => catchUp().then(started.resolve, onError))
  commands.on('ready', outbox.flush)
  const checking = setInterval(() => check().catch(onError), checkMs)

  function catchUp(): Promise<void> {
    if (catchingUp) return catchingUp
    const current = readAll().finally(() => {
      if (catchingUp === current) catchingUp = undefined
    })
    catchingUp = current
    return current
  }

  async function readAll() {
    // In this order, for what changes in between is in both.
    await notices.listen()
    await connected(commands)
    const all = await counts.read()
    ledger.adopt(all)
    behind = false
    outbox.flush()
  }

  /** A connection can be dead without a word, and a cluster's can move to another node without one. */
  async function check() {
    if (ears.status !== 'ready') return
    if (!(await within(notices.listen(), checkMs / 2))) return ears.disconnect(true)
    const { epoch, total } = await counts.total()
    // What was counted by the last time has been told by now.
    if (behind || epoch !== ledger.epoch || ledger.known < expected) await catchUp()
    expected = total
    outbox.flush()
  }

  async function onNotice(notice: Notice) {
    if (ledger.note(notice)) return
    // Whatever comes of the rest: this much is certain.
    for (const [slot] of notice.entries) ledger.bump(slot)
    await catchUp()
    ledger.note(notice)
  }

  async function send(slots: readonly number[]) {
    await connected(commands)
    const counted = await counts.add(slots)
    if (!ledger.note(counted)) await catchUp()
    return notices.send(counted)
  }

  await within(started.promise, startMs)
  return {
    mark: ledger.mark,
    isRecent: ledger.isRecent,
    async announce(key) {
      const slot = slotOf(key)
      ledger.bump(slot)
      await within(outbox.add(slot), patienceMs)
    },
    async [Symbol.asyncDispose]() {
      clearInterval(checking)
      await within(outbox.close(), patienceMs)
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
