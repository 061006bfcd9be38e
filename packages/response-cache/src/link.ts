import { untilAborted, within } from '@mortise/async'
import { Cluster, Redis } from 'ioredis'
import { createBreaker } from './breaker.ts'

export type RedisNode = {
  host: string
  port: number
  username?: string | undefined
  password?: string | undefined
  /** Not with a cluster, which has one database. */
  db?: number | undefined
  tls?: boolean | undefined
}

export type Client = Redis | Cluster

/** A connection on which nobody waits for long. */
export type Link = {
  /** `false`: a call would be in vain, because there is no connection or the last calls have failed. */
  usable(): boolean
  /** Rejects when there is no answer within `ms`. */
  run<T>(call: (client: Client) => Promise<T>, ms: number): Promise<T>
  /** Resolves when there is a connection; rejects with the signal's reason. */
  ready(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export type LinkOptions = {
  /** `redis`: of one node. */
  type: 'redis' | 'redis-cluster'
  nodes: readonly RedisNode[]
  /** Milliseconds. */
  connectTimeout: number
  /** How often a command is sent again on a new connection after the old one broke. */
  maxRetries: number
  /** No call takes longer. Milliseconds. */
  longestCall: number
  onError(error: unknown): void
}

/** A connection that breaks fails every call that is on it; the rest ends when there is another one. */
const breaking = { failures: 5, restMs: 1000, now: () => performance.now() }

export function createLink(options: LinkOptions): Link {
  const client = connect(options)
  const breaker = createBreaker(breaking)
  client.on('error', options.onError)
  client.on('ready', breaker.succeeded)

  return {
    usable: () => client.status === 'ready' && breaker.allows(),
    async run(call, ms) {
      try {
        const answer = call(client)
        if (!(await within(answer, ms))) throw new Error(`no answer within ${ms} ms`)
        const result = await answer
        breaker.succeeded()
        return result
      } catch (error) {
        // A refusal, such as that of a full server, is an answer: it says nothing against the next call.
        if (isReply(error)) breaker.succeeded()
        else breaker.failed()
        throw error
      }
    },
    async ready(signal) {
      if (client.status === 'ready') return
      const { promise, resolve } = Promise.withResolvers<void>()
      client.once('ready', resolve)
      try {
        await untilAborted(promise, signal)
      } finally {
        client.off('ready', resolve)
      }
    },
    async close() {
      if (client.status === 'ready') await within(client.quit(), quitMs).catch(() => undefined)
      client.disconnect()
    },
  }
}

const quitMs = 500

function connect({ type, nodes, connectTimeout, maxRetries, longestCall }: LinkOptions): Client {
  const [node] = nodes
  if (!node) throw new TypeError('no Redis node')
  const { host, port, db = 0, tls, username, password } = node
  const shared = {
    connectTimeout,
    commandTimeout: longestCall,
    // A server that hangs keeps what was sent to it in memory here; the connection goes before that becomes much.
    socketTimeout: longestCall + 500,
    maxRetriesPerRequest: maxRetries,
    autoResendUnfulfilledCommands: maxRetries > 0,
    ...(tls ? { tls: {} } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
  const enableOfflineQueue = false
  if (type === 'redis') return new Redis({ ...shared, host, port, db, retryStrategy, enableOfflineQueue })
  return new Cluster(
    nodes.map(({ host, port }) => ({ host, port })),
    { redisOptions: shared, clusterRetryStrategy: retryStrategy, enableOfflineQueue, slotsRefreshTimeout: 2_000 },
  )
}

function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** (times - 1), 1000) + Math.random() * 100
}

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}
