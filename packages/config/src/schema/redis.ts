import { parseRedisAddress } from '../redis-address.ts'
import type { Report } from '../report.ts'
import type { RedisAddress } from '../types.ts'
import { list, map } from './section.ts'
import { parsed, text } from './setting.ts'

/** A connection to Redis as mort writes it, for `server.cache` and `server.lock`. */
export type RedisSection = {
  type: string
  address: (RedisAddress | null)[]
  clientConfig: Record<string, string>
}

const address = parsed('An address.', parseRedisAddress, {
  expected: 'host, host:port, [v6]:port, or a URL of redis:// or rediss://',
  secret: true,
  fallback: null,
})

export const redisAddresses = list(address, 'Redis: host:port, or redis://user:password@host:port/db, or rediss://.')

export const redisType = text('`redis`, `redis-cluster`; anything else is memory.', 'memory')

export const clientConfig = map(
  text('The value.'),
  'Options of the client: `username`, `password`, `db`. Others have no effect; nothing is sent to the server.',
)

export function isRedis(type: string): type is 'redis' | 'redis-cluster' {
  return type === 'redis' || type === 'redis-cluster'
}

export function checkRedis({ type, address, clientConfig }: RedisSection, report: Report): void {
  if (!isRedis(type)) {
    if (type !== 'memory')
      report.warn(['type'], 'expected memory, redis or redis-cluster, found another; memory is used')
    return
  }
  if (address.length === 0) report.mistake(['address'], 'expected at least one address of Redis, found none')
  for (const name in clientConfig) {
    if (!known.has(name)) report.warn(['clientConfig', name], 'is no option of the client and has no effect')
  }
  if (clientConfig.db && !database.test(clientConfig.db)) {
    report.mistake(['clientConfig', 'db'], 'expected the number of a database')
  }
}

/** The addresses, with what `clientConfig` says for those that do not say it themselves. */
export function resolveRedis({ address, clientConfig }: Omit<RedisSection, 'type'>): RedisAddress[] {
  const { username, password, db } = clientConfig
  const common = { ...(username ? { username } : {}), ...(password ? { password } : {}) }
  return address
    .filter(found => found !== null)
    .map(found => ({ ...common, ...found, db: found.db || Number(db || 0) }))
}

const known = new Set(['username', 'password', 'db'])
const database = /^\d{1,4}$/
