import type { QueueConfig, RedisAddress } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { JobQueue } from '@mortise/queue'
import type { BullQueue } from '@mortise/queue/bullmq'
import { type Log, type Metrics, registerGauges } from '@mortise/telemetry'
import { reach } from './reach.ts'

/**
 * The queue that the configuration names. Its library is loaded only then. One on a Redis that does not answer is given
 * all the same: the process is not ready until it does, and says every so often what it waits for. Its gauges are registered here.
 */
export async function createQueue(config: QueueConfig, log: Log, metrics: Metrics): Promise<JobQueue> {
  const queue = await create(config, log)
  registerQueueGauges(metrics, queue)
  return queue
}

/** For roles whose other half is another process. Throws `invalid_config`. */
export function requireSharedQueue({ type }: QueueConfig, role: string): void {
  if (type !== 'memory') return
  throw new MortiseError(
    'invalid_config',
    `mortise ${role} needs a queue that other processes reach: set server.queue.type to redis, or use mortise serve`,
  )
}

async function create(config: QueueConfig, log: Log): Promise<JobQueue> {
  const { maxWaiting, attempts } = config
  if (config.type === 'memory') {
    const { createMemoryQueue } = await import('@mortise/queue/memory')
    return createMemoryQueue({ maxWaiting, attempts })
  }
  const { createBullQueue } = await import('@mortise/queue/bullmq')
  const { type, prefix, inlineBytes, resultTtl, lockDuration, stalledInterval, setting } = config
  const nodes = nodesOf(config)
  const watch = createWatch({ address: nodes.map(({ host, port }) => `${host}:${port}`).join(', '), setting }, log)
  const queue = createBullQueue({
    connection: { type, nodes },
    ...{ prefix, maxWaiting, attempts, inlineBytes, resultTtl, lockDuration, stalledInterval },
    onError: watch.onError,
  })
  await watch.start(queue)
  const close = () => {
    watch.stop()
    return queue.close()
  }
  // That Redis hangs is no error of a connection before long; who asks it notices first.
  const watched = <T>(answer: Promise<T>) => {
    answer.catch(watch.onFailure)
    return answer
  }
  return {
    ...queue,
    submit: (plan, options) => watched(queue.submit(plan, options)),
    ping: signal => watched(queue.ping(signal)),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/**
 * Tells when Redis does not answer, once a minute, and when it does again; whatever else its clients complain of, as it is.
 * `facts`: what it is and where the configuration says so.
 */
function createWatch(facts: { address: string; setting: string }, log: Log) {
  const closing = new AbortController()
  const { signal } = closing
  let lastError: unknown
  let look: ((firstMs: number) => Promise<void>) | undefined

  const again = () => {
    if (!signal.aborted) void look?.(0)
  }
  return {
    /** Waits for the first answer, or until somebody has been told that there is none. */
    async start(queue: BullQueue) {
      let looked = false
      const begin = (firstMs?: number) => {
        look = undefined
        return reach({
          ping: queue.ping,
          onLate: error => log.warn({ ...facts, reason: reasonOf(lastError ?? error) }, 'Redis does not answer'),
          onReached(late) {
            if (late) log.info(facts, 'Redis answers')
            else if (looked && lastError !== undefined) log.warn({ ...facts, reason: reasonOf(lastError) }, 'queue')
            if (!looked) void tellEviction(queue, facts, log)
            looked = true
            lastError = undefined
            look = begin
          },
          signal,
          ...(firstMs === undefined ? {} : { firstMs }),
        })
      }
      await begin()
    },
    /** Of a connection. */
    onError(error: unknown) {
      lastError = error
      again()
    },
    /** Of a question to the queue; it may be about something else. */
    onFailure(error: unknown) {
      if (!(error instanceof MortiseError) || error.code === 'queue_unavailable') again()
    },
    stop: () => closing.abort(),
  }
}

/** Jobs that Redis evicts are lost, and nobody notices before a client has waited for long. */
async function tellEviction(queue: BullQueue, facts: { address: string; setting: string }, log: Log): Promise<void> {
  const policy = await queue.evictionPolicy().catch(() => null)
  if (policy === null || policy === 'noeviction') return
  log.warn({ ...facts, policy }, 'Redis may evict jobs: set its maxmemory-policy to noeviction')
}

type RedisConfig = Exclude<QueueConfig, { type: 'memory' }>

export function nodesOf(config: RedisConfig): RedisAddress[] {
  return config.type === 'redis' ? [config.address] : config.addresses
}

function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || 'no answer'
}

function registerQueueGauges(metrics: Metrics, queue: JobQueue): void {
  registerGauges(metrics, [
    {
      name: 'mortise_queue_waiting_interactive',
      help: 'Jobs that somebody waits for and nobody has started',
      read: async () => (await queue.stats()).waiting.interactive,
    },
    {
      name: 'mortise_queue_waiting_background',
      help: 'Background jobs that nobody has started',
      read: async () => (await queue.stats()).waiting.background,
    },
    {
      name: 'mortise_queue_oldest_seconds',
      help: 'Since the job was submitted that somebody waits for and that is to be started next; 0 when none waits',
      read: async () => (await queue.stats()).oldestMs / 1000,
    },
    {
      name: 'mortise_queue_active',
      help: 'Jobs being worked on, anywhere',
      read: async () => (await queue.stats()).active,
    },
    {
      name: 'mortise_flights',
      help: 'Misses that this process waits for',
      read: async () => (await queue.stats()).flights,
    },
    { name: 'mortise_waiters', help: 'Requests that wait for them', read: async () => (await queue.stats()).waiters },
  ])
}
