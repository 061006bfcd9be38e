import { within } from '@mortise/async'
import { MortiseError, messageOf } from '@mortise/errors'
import { choose } from './choose.ts'
import { createLink, type RedisNode } from './link.ts'
import type { SharedCache, SharedCacheEvent } from './response-cache.ts'
import { createWriteQueue, type Write } from './write-queue.ts'

export type { RedisNode } from './link.ts'

export type RedisCacheOptions = {
  /** `redis`: each key is on one of the nodes. `redis-cluster`: the nodes are where to ask for the others. */
  type: 'redis' | 'redis-cluster'
  nodes: readonly RedisNode[]
  /** Start of every key in Redis. */
  prefix: string
  /** A value is kept from the n-th time on that it is set within an hour; below 2: from the first. */
  minUseCount: number
  /** Bytes of a value; longer ones are not kept, and not read either. */
  maxValueBytes: number
  client: {
    /** Milliseconds. */
    connectTimeout: number
    readTimeout: number
    writeTimeout: number
    /** How often a command is sent again after its connection broke. */
    maxRetries: number
  }
  onEvent(event: SharedCacheEvent): void
  /** Told of lost connections and failed calls. */
  onError(error: unknown): void
}

/** Bytes of values on their way at one time; what is wanted beyond it counts as absent. */
const maxReadingBytes = 64 * 1024 * 1024

const writing = { maxWaiting: 1000, maxBytes: 64 * 1024 * 1024, concurrency: 4 }

/** What a close gives to writes in hand. Milliseconds. */
const closeMs = 2000

/** For how long uses are counted, from the first of them. Seconds. */
const countingFor = 3600

/**
 * The shared cache in Redis, one plain value for each response. With several nodes that are no cluster, the keys of one
 * that is away are not found until it is back. Connects at once and for ever; see {@link SharedCache.ping}.
 */
export function createRedisCache(options: RedisCacheOptions): SharedCache {
  const { type, prefix, minUseCount, maxValueBytes, onEvent, onError } = options
  const { readTimeout, writeTimeout } = options.client
  const common = { ...options.client, type, longestCall: Math.max(readTimeout, writeTimeout), onError }
  const groups = type === 'redis' ? options.nodes.map(node => [node]) : [options.nodes]
  const links = groups.map(nodes => createLink({ ...common, nodes }))
  const names = groups.map(([node]) => `${node?.host}:${node?.port}/${node?.db ?? 0}`)
  const linkOf = (key: string) => links[choose(names, key)]!
  const writes = createWriteQueue({ ...writing, write })
  let reading = 0

  async function get(key: string): Promise<Uint8Array | null> {
    const link = linkOf(key)
    if (!link.usable()) return skip()
    let size = 0
    try {
      const name = `${prefix}r:${key}`
      // Its length first, so that nothing comes for which there is no room.
      const length = await link.run(client => client.strlen(name), readTimeout)
      if (length === 0 || length > maxValueBytes) return null
      if (reading > 0 && reading + length > maxReadingBytes) return skip()
      size = length
      reading += size
      return alone(await link.run(client => client.getrangeBuffer(name, 0, size - 1), readTimeout))
    } catch (error) {
      fail(error)
      return null
    } finally {
      reading -= size
    }
  }

  function skip(): null {
    onEvent('skipped')
    return null
  }

  async function write(entry: Write): Promise<void> {
    const link = linkOf(entry.key)
    if (!link.usable()) return onEvent('skipped')
    try {
      if (minUseCount > 1 && (await countUse(entry.key)) < minUseCount) return
      const left = entry.until - Date.now()
      if (left <= 0 || entry.withdrawn) return onEvent('dropped')
      const key = `${prefix}r:${entry.key}`
      await link.run(client => client.set(key, Buffer.concat(entry.value), 'PX', left), writeTimeout)
      onEvent('written')
    } catch (error) {
      fail(error)
    }
  }

  async function countUse(key: string): Promise<number> {
    const counter = `${prefix}n:${key}`
    // In one go, so that no counter is left without an end.
    const replies = await linkOf(key).run(
      client => client.multi().set(counter, 0, 'EX', countingFor, 'NX').incr(counter).exec(),
      writeTimeout,
    )
    return Number(replies?.[1]?.[1] ?? 0)
  }

  function fail(error: unknown) {
    onEvent('failed')
    onError(error)
  }

  return {
    get,
    set(key, value, seconds) {
      const bytes = value.reduce((sum, { byteLength }) => sum + byteLength, 0)
      const until = Date.now() + seconds * 1000
      if (seconds <= 0 || bytes > maxValueBytes || !writes.add({ key, value, bytes, until })) onEvent('dropped')
    },
    async delete(key) {
      writes.withdraw(key)
      try {
        // What was sent before on this connection is done before.
        await linkOf(key).run(client => client.del(`${prefix}r:${key}`), writeTimeout)
      } catch (error) {
        throw unavailable(error)
      }
    },
    async ping(signal) {
      try {
        await Promise.all(
          links.map(async link => {
            await link.ready(signal)
            await link.run(client => client.ping(), readTimeout)
          }),
        )
      } catch (error) {
        throw unavailable(error)
      }
    },
    stats: () => ({ waiting: writes.waiting, waitingBytes: writes.waitingBytes }),
    async [Symbol.asyncDispose]() {
      await within(writes.close(), closeMs)
      await Promise.all(links.map(link => link.close()))
    },
  }
}

/** A small value is a view of what came over the network with it, all of which it would keep in memory. */
function alone(value: Uint8Array): Uint8Array {
  return value.byteLength * 2 < value.buffer.byteLength ? new Uint8Array(value) : value
}

function unavailable(error: unknown): MortiseError {
  return new MortiseError('storage_unavailable', `shared cache: ${messageOf(error)}`, { cause: error })
}
