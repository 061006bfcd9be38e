import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

export type Seen = { method: string; url: string; headers: IncomingHttpHeaders; body: string }

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A backend that does what the test says, and what it saw. It ends with the test. */
export async function startStandIn(answer: Answer) {
  const requests: Seen[] = []
  const connections = new Set<Socket>()
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const seen: Seen = { method, url, headers, body: '' }
    requests.push(seen)
    // A long body is left in the socket.
    if (Number(headers['content-length'] ?? 0) < 2000) seen.body = await text(request).catch(() => '')
    answer(request, response)
  })
  server.on('connection', socket => {
    connections.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => connections.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    server.closeAllConnections()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  onTestFinished(stop)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, connections, stop }
}
