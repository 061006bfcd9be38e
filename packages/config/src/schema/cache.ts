import type { Report } from '../report.ts'
import type { CacheConfig } from '../types.ts'
import { checkRedis, clientConfig, isRedis, redisAddresses, redisType, resolveRedis } from './redis.ts'
import { section } from './section.ts'
import { int, type Output } from './setting.ts'

const MiB = 1024 * 1024

/** Options of the client, beside those of every client: default, least and most. Milliseconds, but for the last. */
const clientOptions = {
  connectTimeout: [2000, 10, 60_000],
  readTimeout: [250, 1, 60_000],
  writeTimeout: [2000, 1, 60_000],
  maxRetries: [0, 0, 10],
} as const

type ClientOption = keyof typeof clientOptions
const optionNames = Object.keys(clientOptions) as ClientOption[]

export const cache = section(
  {
    type: redisType,
    address: redisAddresses,
    // mort makes 2 MiB of each one that is asked for, by a slip.
    maxCacheItemSizeMB: int('MiB of the largest body that is cached.', { default: 10, min: 1, max: 1024, unset: [0] }),
    // mort's own default holds next to nothing, so a file that spells it out wants none in particular.
    cacheSize: int('Bytes in memory.', { default: 256 * MiB, min: 1, unset: [0, 50_000] }),
    minUseCount: int('A response is cached from this use on, counted for an hour from the first.', { min: 0 }),
    clientConfig: clientConfig(', `readTimeout`, `writeTimeout`, `connectTimeout` (ms), `maxRetries`'),
    ttl: int('Ours. Seconds in the cache for a derivative without any `Cache-Control`; 0 = none.', {
      default: 60,
      min: 0,
    }),
  },
  'Responses kept ready.',
)

type CacheSection = Output<typeof cache>

export function checkCache(cache: CacheSection, report: Report): void {
  checkRedis(cache, report, optionNames)
  if (!isRedis(cache.type)) return
  for (const name of optionNames) {
    const [, least, most] = clientOptions[name]
    if (Number.isNaN(readOption(cache, name)))
      report.mistake(['clientConfig', name], `expected a whole number from ${least} to ${most}`)
  }
}

export function resolveCache(cache: CacheSection): CacheConfig {
  return {
    type: isRedis(cache.type) ? cache.type : 'memory',
    addresses: resolveRedis(cache),
    bytes: cache.cacheSize,
    maxItemBytes: cache.maxCacheItemSizeMB * MiB,
    ttl: cache.ttl,
    minUseCount: cache.minUseCount,
    client: {
      connectTimeout: readOption(cache, 'connectTimeout'),
      readTimeout: readOption(cache, 'readTimeout'),
      writeTimeout: readOption(cache, 'writeTimeout'),
      maxRetries: readOption(cache, 'maxRetries'),
    },
  }
}

/** NaN when it is not as expected. */
function readOption({ clientConfig }: CacheSection, name: ClientOption): number {
  const [fallback, least, most] = clientOptions[name]
  const text = clientConfig[name]
  if (!text) return fallback
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= most ? value : Number.NaN
}
