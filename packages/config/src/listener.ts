import type { Listener } from './types.ts'

/** `host:port`, `:port` (all interfaces), `[v6]:port` or `unix:/path`. `null` for anything else. */
export function parseListener(text: string): Listener | null {
  if (text.startsWith('unix:')) return text.length > 'unix:'.length ? { path: text.slice('unix:'.length) } : null
  const address = parseHostPort(text)
  return address && address.port !== null ? { host: address.host || null, port: address.port } : null
}

/** Both would need the same address: one that means all interfaces needs that of each. Port 0 stands for any free port. */
export function sameListener(a: Listener, b: Listener): boolean {
  if ('path' in a || 'path' in b) return 'path' in a && 'path' in b && a.path === b.path
  return a.port === b.port && a.port !== 0 && (a.host === b.host || covers(a.host, b.host) || covers(b.host, a.host))
}

/** Without a host, and with that of IPv6, it is both versions. */
function covers(host: string | null, other: string | null): boolean {
  return host === null || host === '::' || (host === '0.0.0.0' && !other?.includes(':'))
}

/** `host`, `host:port` or `[v6]:port`; `port` is `null` when not given. `null` for anything else. */
export function parseHostPort(text: string): { host: string; port: number | null } | null {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^\s:/@[\]]*))(?::(\d{1,5}))?$/.exec(text)
  if (!match) return null
  const port = match[3] === undefined ? null : Number(match[3])
  if (port !== null && port > 65535) return null
  return { host: match[1] ?? match[2] ?? '', port }
}
