import type { IncomingMessage } from 'node:http'

/** What a proxy would be sent is read as what it would send: the host in the target counts (RFC 9112, section 3.2.2). */
export function toOriginForm(request: IncomingMessage): void {
  const { url = '' } = request
  if (url.startsWith('/')) return
  const [absolute, host] = /^https?:\/\/([^/?]*)/i.exec(url) ?? []
  if (absolute === undefined || host === undefined) return
  const target = url.slice(absolute.length)
  request.url = target.startsWith('/') ? target : `/${target}`
  request.headers.host = host
}
