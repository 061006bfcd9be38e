import { randomUUID } from 'node:crypto'
import { untilAborted } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import type { BatchHandler, BatchQueue, BatchStats } from '../batches.ts'
import { type Client, connectPatient, type RedisTarget } from '../bullmq/connect.ts'
import { createLink } from '../bullmq/link.ts'
import { seldom } from '../bullmq/seldom.ts'
import { createSubscriptions } from '../bullmq/subscriptions.ts'
import { throwUnavailable } from '../bullmq/unavailable.ts'
import type { Consumer } from '../queue.ts'
import { refusal } from './batch.ts'
import { createBatchConsumer } from './bullmq/consumer.ts'
import { createEnds, type Ends } from './bullmq/ends.ts'
import { type BatchKeys, createBatchKeys } from './bullmq/keys.ts'
import { createPlacing, type Place } from './bullmq/placing.ts'

export type BullBatchesOptions = {
  connection: RedisTarget
  /** As that of the interactive queue, whose keys are others. */
  prefix: string
  /** Batches that may wait at one time, over all processes; and as many may be waited for in this one. */
  maxBackground: number
  /** How often a batch is run at most when it fails with what may pass. */
  attempts: number
  /** ms after which a batch of a dead worker may be given to another; a living worker renews it twice in that time. */
  lockDuration: number
  /** ms between looks for batches of dead workers. */
  stalledInterval: number
  /** What went wrong in the background; the same message at most every 5 s. */
  onError?: (error: unknown) => void
}

/**
 * The background lane of several processes, on a BullMQ queue of its own. Connections are made when they are needed: a
 * process that adds has one (commands), a second when it waits for ends (messages), one that consumes two (commands,
 * blocking reads). A batch that two workers died of ends with `poisoned` for all of its plans, and so do others of its
 * original for ten minutes.
 */
export function createBullBatches(options: BullBatchesOptions): BatchQueue {
  const { connection: target, maxBackground } = options
  const keys = createBatchKeys(options.prefix)
  const onError = seldom(options.onError ?? (() => undefined))
  const consumers = new Set<Consumer>()
  let shared: Client | undefined
  let adder: Adder | undefined
  let closing: Promise<void> | undefined

  /** What adds, waits and counts; on a connection that is made by the first who needs it. */
  function adding(): Adder {
    refuseClosed()
    adder ??= createAdder(options, keys, onError)
    return adder
  }

  function refuseClosed() {
    if (closing) throw new MortiseError('queue_unavailable', 'the queue is closed')
  }

  async function consume(handler: BatchHandler, { concurrency }: { concurrency: number }): Promise<Consumer> {
    refuseClosed()
    shared ??= connectPatient(target, onError)
    const onClosed = () => consumers.delete(consumer)
    const parts = { redis: shared, keys, handler, concurrency, onError, onClosed }
    const consumer: Consumer = createBatchConsumer({ ...options, ...parts })
    consumers.add(consumer)
    return consumer
  }

  async function closeAll() {
    await Promise.all([adder?.close(), ...[...consumers].map(consumer => consumer.close(0))])
    shared?.disconnect()
  }

  const close = () => (closing ??= closeAll())
  return {
    add: async batch => void (await adding().place(batch)),
    async run(batch, signal) {
      signal.throwIfAborted()
      const { ends, place } = adding()
      if (ends.waiting >= maxBackground) throw refusal(ends.waiting)
      return await ends.wait(place(batch), signal)
    },
    consume,
    stats: async () => adding().stats(),
    ping: async signal => adding().ping(signal),
    close,
    [Symbol.asyncDispose]: close,
  }
}

type Adder = Pick<BatchQueue, 'stats' | 'ping' | 'close'> & { place: Place; ends: Ends }

function createAdder(options: BullBatchesOptions, keys: BatchKeys, onError: (error: unknown) => void): Adder {
  const { connection: target, attempts, maxBackground } = options
  const subscriptions = createSubscriptions(target, onError)
  // What is heard is not needed before something is added: ends are looked for besides.
  const link = createLink({ target, keys: keys, listen: async () => undefined, onError })
  const processId = randomUUID().slice(0, 8)
  const ends = createEnds({ link, keys, subscriptions, onError })

  async function count(): Promise<BatchStats> {
    await link.ready()
    const { client } = link
    const waiting = [client.llen(keys.wait), client.zcard(keys.prioritized), client.zcard(keys.delayed)]
    const [active = 0, ...counts] = await Promise.all([client.llen(keys.active), ...waiting])
    return { waiting: counts.reduce((sum, count) => sum + count, 0), active }
  }

  async function pingRedis() {
    await link.ready()
    await link.client.ping()
  }

  return {
    place: createPlacing({ link, keys, processId, attempts, maxBackground }),
    ends,
    stats: () => count().catch(throwUnavailable),
    ping: signal => untilAborted(pingRedis().catch(throwUnavailable), signal),
    async close() {
      ends.close(new MortiseError('queue_unavailable', 'the queue is closed'))
      subscriptions.close()
      await link.close()
    },
  }
}
