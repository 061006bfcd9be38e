import type { CacheConfig } from '../types.ts'
import { clientConfig, isRedis, redisAddresses, redisType, resolveRedis } from './redis.ts'
import { section } from './section.ts'
import { int, type Output } from './setting.ts'

const MiB = 1024 * 1024

export const cache = section(
  {
    type: redisType,
    address: redisAddresses,
    // mort makes 2 MiB of each one that is asked for, by a slip.
    maxCacheItemSizeMB: int('MiB of the largest body that is cached.', { default: 10, min: 1, max: 1024, unset: [0] }),
    // mort's own default holds next to nothing, so a file that spells it out wants none in particular.
    cacheSize: int('Bytes in memory.', { default: 256 * MiB, min: 1, unset: [0, 50_000] }),
    minUseCount: int('Redis: requests after which a response is cached.', { min: 0 }),
    clientConfig,
    ttl: int('Ours. Seconds in memory for a derivative without any `Cache-Control`; 0 = none.', {
      default: 60,
      min: 0,
    }),
  },
  'Responses kept ready.',
)

type CacheSection = Output<typeof cache>

export function resolveCache(cache: CacheSection): CacheConfig {
  return {
    type: isRedis(cache.type) ? cache.type : 'memory',
    addresses: resolveRedis(cache),
    bytes: cache.cacheSize,
    maxItemBytes: cache.maxCacheItemSizeMB * MiB,
    ttl: cache.ttl,
    minUseCount: cache.minUseCount,
  }
}
