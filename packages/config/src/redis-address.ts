import { parseHostPort } from './listener.ts'
import type { RedisAddress } from './types.ts'

/**
 * `host`, `host:port`, `[v6]:port`, or `redis://user:password@host:port/db` and its TLS form `rediss://`. The port is
 * 6379 and the database 0 unless given. `null` for anything else.
 */
export function parseRedisAddress(text: string): RedisAddress | null {
  if (text.includes('://')) return parseUrl(text)
  const address = parseHostPort(text)
  if (!address || address.host === '') return null
  return { host: address.host, port: address.port ?? 6379, db: 0, tls: false }
}

function parseUrl(text: string): RedisAddress | null {
  const match = /^(rediss?):\/\/(?:([^/]*)@)?([^/@]+?)(?:\/(\d{0,4}))?$/.exec(text)
  if (!match) return null
  const [, scheme, user, host = '', db] = match
  const address = parseHostPort(host)
  const credentials = parseCredentials(user ?? '')
  if (!address || address.host === '' || !credentials) return null
  return {
    host: address.host,
    port: address.port ?? 6379,
    ...credentials,
    db: Number(db || 0),
    tls: scheme === 'rediss',
  }
}

/** `user:password`, `:password` or `user`, each percent-encoded. */
function parseCredentials(text: string): { username?: string; password?: string } | null {
  const colon = text.indexOf(':')
  const username = colon < 0 ? text : text.slice(0, colon)
  const password = colon < 0 ? '' : text.slice(colon + 1)
  try {
    return {
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    }
  } catch {
    return null
  }
}
