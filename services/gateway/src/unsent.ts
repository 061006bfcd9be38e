import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Bodies in memory that clients have not taken yet. A body lives as long as somebody reads it, however slowly, also when
 * the cache has let it go; so there is a limit on all of them together. A body that many clients read counts once.
 */
export type Unsent = {
  /** Right before a body is handed over: counts it if the system does not take all of it at once. */
  watch(response: ServerResponse, body: Uint8Array): void
  /** Counts it until the response is over. */
  hold(response: ServerResponse, body: Uint8Array): void
  /** Bytes of the bodies that are held now. */
  readonly bytes: number
}

export type UnsentDeps = {
  /** One body may go beyond it, when it is the only one. */
  maxBytes: number
  /** Told how many connections were cut to make room. */
  onCut(connections: number): void
}

export function createUnsent({ maxBytes, onCut }: UnsentDeps): Unsent {
  // In the order in which somebody last began to read them: the first one has been read for the longest time.
  const readers = new Map<Uint8Array, Set<ServerResponse>>()
  const releases = new WeakMap<Socket, Set<() => void>>()
  let bytes = 0

  const add = (response: ServerResponse, body: Uint8Array) => {
    const others = readers.get(body)
    if (!others) bytes += body.byteLength
    readers.delete(body)
    readers.set(body, (others ?? new Set()).add(response))
  }

  const remove = (response: ServerResponse, body: Uint8Array) => {
    const all = readers.get(body)
    if (!all?.delete(response) || all.size > 0) return
    readers.delete(body)
    bytes -= body.byteLength
  }

  /** A response that waits for its turn on a connection (pipelining) does not close with it, so this looks at both. */
  const onceOver = (response: ServerResponse, run: () => void) => {
    const { socket } = response.req
    const ofSocket = releases.get(socket) ?? new Set()
    if (!releases.has(socket)) {
      releases.set(socket, ofSocket)
      socket.once('close', () => {
        for (const release of ofSocket) release()
      })
    }
    ofSocket.add(run)
    response.once('close', () => {
      ofSocket.delete(run)
      run()
    })
  }

  const makeRoom = () => {
    for (const [body, slow] of readers) {
      if (bytes <= maxBytes || readers.size === 1) return
      onCut(slow.size)
      for (const response of [...slow]) {
        remove(response, body)
        response.req.socket.destroy()
      }
    }
  }

  const hold = (response: ServerResponse, body: Uint8Array) => {
    if (response.destroyed || response.writableFinished || response.req.socket.destroyed) return
    add(response, body)
    onceOver(response, () => remove(response, body))
    makeRoom()
  }

  return {
    // By then the body has been handed over.
    watch: (response, body) => void setImmediate(() => hold(response, body)),
    hold,
    get bytes() {
      return bytes
    },
  }
}
