import { MortiseError } from '@mortise/errors'
import { Queue, QueueEvents } from 'bullmq'
import { within } from '../within.ts'
import { type Client, commandMs, connectPrompt, type RedisTarget } from './connect.ts'
import { type Keys, queueName } from './keys.ts'

/** What is heard about jobs, of all processes. What has been reported may be doubled or lost. */
export type Listener = {
  progress(jobId: string, data: unknown): void
  completed(jobId: string, returned: unknown): void
  failed(jobId: string): void
  removed(jobId: string): void
}

/** The submitting side's end of Redis: a client that answers within a second or fails, the queue on it, its events. */
export type Link = {
  readonly client: Client
  /** The queue, when commands can be sent and events are heard; rejects with `queue_unavailable` within about a second. */
  ready(): Promise<Queue>
  /** Lets go of everything, also of a Redis that does not answer. */
  close(): Promise<void>
}

export type LinkOptions = {
  target: RedisTarget
  keys: Keys
  /** The connection that is copied for the events; somebody else closes it. */
  patient: () => Client
  listener: Listener
  onError: (error: unknown) => void
}

/** BullMQ trims its stream of events to about this many. */
const maxEvents = 10_000
const eventsBlockMs = 5_000

export function createLink({ target, keys, patient, listener, onError }: LinkOptions): Link {
  const client = connectPrompt(target, onError)
  let queue: Queue | undefined
  let events: QueueEvents | undefined
  let opening: Promise<Queue> | undefined

  async function open(): Promise<Queue> {
    if (client.status !== 'ready') await connected(client)
    // Waits for nothing at its start, because what fails there would fail for ever.
    const streams = { events: { maxLen: maxEvents } }
    queue ??= new Queue(queueName, {
      connection: client,
      prefix: keys.prefix,
      skipVersionCheck: true,
      skipWaitingForReady: true,
      streams,
    }).on('error', onError)
    events ??= await listen()
    return queue
  }

  /** From a known event on: a reader that starts at "now" loses what happens between two of its reads. */
  async function listen(): Promise<QueueEvents> {
    const [last] = await client.xrevrange(keys.events, '+', '-', 'COUNT', 1)
    const { prefix } = keys
    const lastEventId = last?.[0] ?? '0-0'
    return new QueueEvents(queueName, { connection: patient(), prefix, lastEventId, blockingTimeout: eventsBlockMs })
      .on('error', onError)
      .on('progress', ({ jobId, data }) => listener.progress(jobId, data))
      .on('completed', ({ jobId, returnvalue }) => listener.completed(jobId, returnvalue))
      .on('failed', ({ jobId }) => listener.failed(jobId))
      .on('removed', ({ jobId }) => listener.removed(jobId))
  }

  return {
    client,
    ready() {
      if (queue && events && client.status === 'ready') return Promise.resolve(queue)
      opening ??= open().finally(() => {
        opening = undefined
      })
      return opening
    },
    async close() {
      await opening?.catch(() => undefined)
      if (events && !(await within(events.close(), commandMs).catch(() => false))) {
        await within(events.getBackend().close(true), commandMs).catch(onError)
      }
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
