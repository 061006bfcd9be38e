import { scryptSync } from 'node:crypto'
import type { Config } from '@mortise/config'
import { messageOf } from '@mortise/errors'
import type { SharedCache } from '@mortise/response-cache'
import { type Log, type Metrics, registerGauges } from '@mortise/telemetry'

/** What stands before a body, at most; see the gateway's form of a value. */
const headBytes = 64 * 1024

/** How long a start waits for Redis, so that the first requests find what is there. */
const startMs = 1000

/** One line in so many milliseconds tells that Redis is away. */
const logEveryMs = 10_000

/**
 * The response cache that gateways share, when the configuration has one; its library is loaded only then. A Redis that
 * is away does not keep anybody from starting, because nobody needs a cache.
 */
export async function createSharedCache(config: Config, log: Log, metrics: Metrics): Promise<SharedCache | null> {
  const { type, addresses, maxItemBytes, minUseCount, client } = config.server.cache
  if (type === 'memory') return null
  const { createRedisCache } = await import('@mortise/response-cache/redis')
  let told = -logEveryMs
  const cache = createRedisCache({
    ...{ type, nodes: addresses, minUseCount, client },
    prefix: `mortise:cache:${fingerprint(config)}:`,
    maxValueBytes: maxItemBytes + headBytes,
    onEvent: event => metrics.sharedCache.inc({ event }),
    onError(error) {
      if (performance.now() - told < logEveryMs) return
      told = performance.now()
      log.warn({ reason: messageOf(error) }, 'shared cache')
    },
  })
  await cache.ping(AbortSignal.timeout(startMs)).catch(({ message }: Error) => {
    log.warn({ reason: message }, 'server.cache.address: not reached; responses are not shared until it is')
  })
  registerGauges(metrics, [
    {
      name: 'mortise_shared_cache_waiting',
      help: 'Responses that wait to be written to the shared cache',
      read: () => cache.stats().waiting,
    },
    {
      name: 'mortise_shared_cache_waiting_bytes',
      help: 'Bytes of the responses that wait to be written to the shared cache',
      read: () => cache.stats().waitingBytes,
    },
  ])
  return cache
}

/**
 * Names, header rules and codings mean other responses in another configuration: who has another one, be it after a change or
 * because two sites use one Redis, has other keys. Secrets are part of it, for one of them may be all that tells the
 * origins of two sites apart; so it is slow to compute, and nobody finds a secret by trying many.
 */
export function fingerprint({ headers, server, buckets }: Config): string {
  const what = Object.values(buckets).map(({ name, headers, storages }) => ({ name, headers, storages }))
  return scryptSync(JSON.stringify([headers, server.plugins.compress, what]), 'mortise', 6).toString('hex')
}
