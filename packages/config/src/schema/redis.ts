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

/** mort sends each pair to the server as `CONFIG SET`. Here they are options of the client. */
export function clientConfig(further = '') {
  const names = `\`username\`, \`password\`, \`db\`, \`tls\`${further}`
  return map(
    text('The value.'),
    `Options of the client: ${names}. Others have no effect; nothing is sent to the server.`,
  )
}

export function isRedis(type: string): type is 'redis' | 'redis-cluster' {
  return type === 'redis' || type === 'redis-cluster'
}

/** `further`: options of the client that this section has besides the common ones. */
export function checkRedis(
  { type, address, clientConfig }: RedisSection,
  report: Report,
  further: readonly string[] = [],
): void {
  if (!isRedis(type)) {
    if (type !== 'memory')
      report.warn(['type'], 'expected memory, redis or redis-cluster, found another; memory is used')
    return
  }
  if (address.length === 0) report.mistake(['address'], 'expected at least one address of Redis, found none')
  for (const name in clientConfig) {
    if (!known.has(name) && !further.includes(name))
      report.warn(['clientConfig', name], 'is no option of the client and has no effect')
  }
  if (clientConfig.db && !database.test(clientConfig.db)) {
    report.mistake(['clientConfig', 'db'], 'expected the number of a database')
  }
  if (clientConfig.tls && !['true', 'false'].includes(clientConfig.tls)) {
    report.mistake(['clientConfig', 'tls'], 'expected true or false')
  }
}

/** The addresses, with what `clientConfig` says for those that do not say it themselves. */
export function resolveRedis({ address, clientConfig }: Omit<RedisSection, 'type'>): RedisAddress[] {
  const { username, password, db, tls } = clientConfig
  const common = { ...(username ? { username } : {}), ...(password ? { password } : {}) }
  return address
    .filter(found => found !== null)
    .map(found => ({ ...common, ...found, db: found.db || Number(db || 0), tls: found.tls || tls === 'true' }))
}

const known = new Set(['username', 'password', 'db', 'tls'])
const database = /^\d{1,4}$/
