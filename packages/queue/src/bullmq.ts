import { MortiseError } from '@mortise/errors'
import { type Client, connectPatient, type RedisTarget } from './bullmq/connect.ts'
import { type BullConsumer, createBullConsumer } from './bullmq/consumer.ts'
import { createKeys } from './bullmq/keys.ts'
import { seldom } from './bullmq/seldom.ts'
import { createSubmitter, type Submitter } from './bullmq/submitter.ts'
import { createSubscriptions } from './bullmq/subscriptions.ts'
import type { ConsumeOptions, Consumer, JobHandler, JobQueue, QueueStats } from './queue.ts'

export type BullQueueOptions = {
  connection: RedisTarget
  /** Of all keys in Redis; gets braces around it (a hash tag) unless it has one. */
  prefix: string
  /** Jobs for which this process may wait at one time. */
  maxWaiting: number
  /** How often a job is run at most when it fails with what may pass. */
  attempts: number
  /** Bodies up to this size (bytes) travel through Redis; larger ones are read from the storage. */
  inlineBytes: number
  /** Seconds for which they stay there. */
  resultTtl: number
  /** ms after which a job of a dead worker may be given to another; a living worker renews it twice in that time. */
  lockDuration: number
  /** ms between looks for jobs of dead workers. */
  stalledInterval: number
  /** What went wrong in the background; the same message at most every 5 s. */
  onError?: (error: unknown) => void
}

export type BullQueue = JobQueue & {
  /** Of Redis, as its setting `maxmemory-policy` says; `null` when it does not answer or may not tell. */
  evictionPolicy(): Promise<string | null>
}

/**
 * The queue of several processes, on BullMQ. Connections are made when they are needed: a process that submits has two
 * (commands, messages), one that consumes has three (commands, blocking reads, messages); the messages of both come on one.
 */
export function createBullQueue(options: BullQueueOptions): BullQueue {
  const { connection: target, maxWaiting, attempts } = options
  const keys = createKeys(options.prefix)
  const onError = seldom(options.onError ?? (() => undefined))
  const consumers = new Set<BullConsumer>()
  const subscriptions = createSubscriptions(target, onError)
  let shared: Client | undefined
  let submitter: Submitter | undefined
  let closing: Promise<void> | undefined

  function submitting(): Submitter {
    if (closing) throw new MortiseError('queue_unavailable', 'the queue is closed')
    submitter ??= createSubmitter({ target, keys, subscriptions, maxWaiting, attempts, onError })
    return submitter
  }

  /** Withdrawals are for all consumers of the process. */
  function consuming(): Client {
    if (shared) return shared
    const withdraw = (jobId: Buffer) => {
      for (const consumer of consumers) consumer.cancel(jobId.toString())
    }
    subscriptions.hear(keys.cancel, withdraw).catch(onError)
    shared = connectPatient(target, onError)
    return shared
  }

  async function consume(handler: JobHandler, { concurrency }: ConsumeOptions): Promise<Consumer> {
    if (closing) throw new MortiseError('queue_unavailable', 'the queue is closed')
    const onClosed = () => consumers.delete(consumer)
    const parts = { redis: consuming(), keys, handler, concurrency, onError, onClosed }
    const consumer: BullConsumer = createBullConsumer({ ...options, ...parts })
    consumers.add(consumer)
    return consumer
  }

  async function stats(): Promise<QueueStats> {
    return submitting().stats()
  }

  async function closeAll() {
    await Promise.all([submitter?.close(), ...[...consumers].map(consumer => consumer.close(0))])
    subscriptions.close()
    shared?.disconnect()
  }

  const close = () => (closing ??= closeAll())
  return {
    submit: async (plan, submitOptions) => submitting().submit(plan, submitOptions),
    consume,
    stats,
    ping: async signal => submitting().ping(signal),
    evictionPolicy: async () => submitting().evictionPolicy(),
    close,
    [Symbol.asyncDispose]: close,
  }
}
