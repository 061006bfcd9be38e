import { within } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import { Queue } from 'bullmq'
import { type Client, commandMs, connectPrompt, type RedisTarget } from './connect.ts'
import { type Keys, queueName } from './keys.ts'

/** The submitting side's end of Redis: a client that answers within a second or fails, and the queue on it. */
export type Link = {
  readonly client: Client
  /** The queue, when commands can be sent; rejects with `queue_unavailable` within about a second. */
  ready(): Promise<Queue>
  /** Lets go of everything, also of a Redis that does not answer. */
  close(): Promise<void>
}

export type LinkOptions = {
  target: RedisTarget
  keys: Keys
  /** Called once; the first `ready` waits a while for it, so that the first answers are heard. */
  listen: () => Promise<void>
  onError: (error: unknown) => void
}

/** BullMQ writes down what happens to jobs, and nobody here reads it: about this many entries are kept. */
const maxEvents = 100

export function createLink({ target, keys, listen, onError }: LinkOptions): Link {
  const client = connectPrompt(target, onError)
  let heard: Promise<void> | undefined
  let queue: Queue | undefined
  let opening: Promise<Queue> | undefined

  async function open(): Promise<Queue> {
    heard ??= listen().catch(onError)
    if (client.status !== 'ready') await connected(client)
    if (!queue) await within(heard, commandMs)
    // Waits for nothing at its start, because what fails there would fail for ever.
    queue ??= new Queue(queueName, {
      connection: client,
      prefix: keys.prefix,
      skipVersionCheck: true,
      skipWaitingForReady: true,
      streams: { events: { maxLen: maxEvents } },
    }).on('error', onError)
    return queue
  }

  return {
    client,
    ready() {
      if (queue && client.status === 'ready') return Promise.resolve(queue)
      opening ??= open().finally(() => {
        opening = undefined
      })
      return opening
    },
    async close() {
      await opening?.catch(() => undefined)
      await within(client.quit(), commandMs).catch(() => undefined)
      client.disconnect()
    },
  }
}

async function connected(client: Client): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  client.once('ready', resolve)
  const inTime = await within(promise, commandMs)
  client.off('ready', resolve)
  if (!inTime) throw new MortiseError('queue_unavailable', `no connection to Redis (${client.status})`)
}
