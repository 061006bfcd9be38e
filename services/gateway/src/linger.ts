import type { IncomingMessage } from 'node:http'

/** What a client may still send of a body after its answer, and how long that may take. */
export type Patience = { bytes: number; ms: number }

const everyMs = 100

/**
 * Passes over the rest of a body that nobody has read. A connection that is closed while its client sends takes the answer
 * away from it, so it has a moment to finish, or to read the answer and leave; then it is cut.
 */
export function linger(request: IncomingMessage, { bytes, ms }: Patience): void {
  // Its reader has given it up, and its connection with it.
  if (request.destroyed) return
  const { socket } = request
  const [start, end] = [socket.bytesRead, performance.now() + ms]
  const look = setInterval(() => {
    if (request.complete || socket.destroyed) return clearInterval(look)
    if (socket.bytesRead - start > bytes || performance.now() > end) socket.destroy()
  }, everyMs)
  look.unref()
  request.on('error', () => {}).resume()
}

/** Whether there is a body that might not be read. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}
