import { Cluster, type CommonRedisOptions, Redis } from 'ioredis'

export type RedisNode = {
  host: string
  port: number
  username?: string | undefined
  password?: string | undefined
  /** Not with `redis-cluster`, which has one database. */
  db?: number | undefined
  tls?: boolean | undefined
}

/** `redis`: the first node is the server. `redis-cluster`: the nodes are where to ask for the others. */
export type RedisTarget = { type: 'redis' | 'redis-cluster'; nodes: readonly RedisNode[] }

export type Client = Redis | Cluster

/** No command that a prompt client waits for takes longer (ms). */
export const commandMs = 900

/** Answers or fails within `commandMs`, and at once without a connection: for those who must not wait for Redis. */
export function connectPrompt(target: RedisTarget, onError: (error: unknown) => void): Client {
  const prompt = {
    commandTimeout: commandMs,
    socketTimeout: 2_000,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  }
  return connect(target, prompt, false, onError)
}

/**
 * Keeps a command until Redis is there: for workers, and for connections on which somebody blocks. The socket timeout
 * lies above the longest blocking read (10 s and a margin of BullMQ), so that only a dead connection meets it.
 */
export function connectPatient(target: RedisTarget, onError: (error: unknown) => void): Client {
  return connect(target, { socketTimeout: 15_000, maxRetriesPerRequest: null }, true, onError)
}

function connect(
  target: RedisTarget,
  options: Omit<CommonRedisOptions, 'replyMapping'>,
  enableOfflineQueue: boolean,
  onError: (e: unknown) => void,
): Client {
  const [node] = target.nodes
  if (!node) throw new TypeError('no Redis node')
  const { host, port, db = 0, tls, username, password } = node
  const shared = { ...options, connectTimeout: 5_000, ...(tls ? { tls: {} } : {}), ...credentials(username, password) }
  const client =
    target.type === 'redis'
      ? new GatheringRedis({ ...shared, host, port, db, retryStrategy: reconnectDelay, enableOfflineQueue })
      : new Cluster(
          target.nodes.map(({ host, port }) => ({ host, port })),
          {
            redisOptions: shared,
            clusterRetryStrategy: reconnectDelay,
            enableOfflineQueue,
            slotsRefreshTimeout: 2_000,
          },
        )
  return client.on('error', onError)
}

/** Writes to the socket once for all that is sent in one turn of the event loop, in its order. */
class GatheringRedis extends Redis {
  override sendCommand(...args: Parameters<Redis['sendCommand']>) {
    const { status, stream } = this
    if (status === 'ready' && stream.writableCorked === 0) {
      stream.cork()
      setImmediate(() => stream.uncork())
    }
    return super.sendCommand(...args)
  }
}

function credentials(username: string | undefined, password: string | undefined) {
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) }
}

/** Short, because who waits for Redis gives up after 2 s. */
function reconnectDelay(times: number): number {
  return Math.min(50 * 2 ** (times - 1), 800) + Math.random() * 100
}
