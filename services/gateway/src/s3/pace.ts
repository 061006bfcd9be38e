import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { S3Request } from './s3.ts'

/** How slow an upload may be. */
export type PaceLimits = {
  /** On average. */
  bytesPerSecond: number
  /** Seconds that a client may be behind that, over the whole upload. */
  graceSeconds: number
}

/** A request whose body has to come fast enough. */
export type Paced = Disposable & {
  body(): Readable
  /** Aborted when the client leaves, or is too slow. */
  signal: AbortSignal
  readonly tooSlow: boolean
}

const everyMs = 1000

/**
 * Watches a body from when it is asked for until it is disposed of. Time counts while the gateway waits for the client;
 * while a storage is slow, what has come already waits for that, and nothing is held against the client.
 */
export function pace(request: Pick<S3Request, 'body' | 'signal'>, limits: PaceLimits): Paced {
  const slow = new AbortController()
  let timer: NodeJS.Timeout | undefined
  return {
    signal: AbortSignal.any([request.signal, slow.signal]),
    body() {
      const source = request.body()
      clearInterval(timer)
      timer = watch(source, limits, () => slow.abort())
      return source
    },
    get tooSlow() {
      return slow.signal.aborted
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/**
 * The seconds that a client has left, a bucket that leaks: waiting takes from it, bytes fill it up again, to the brim at
 * most. `spend` says whether there is anything left.
 */
export function createPatience({ bytesPerSecond, graceSeconds }: PaceLimits) {
  let left = graceSeconds
  return {
    spend(waited: number, bytes: number): boolean {
      left = Math.min(graceSeconds, left - waited + bytes / bytesPerSecond)
      return left > 0
    },
  }
}

function watch(source: Readable, limits: PaceLimits, onSlow: () => void): NodeJS.Timeout {
  const { socket } = source as Partial<IncomingMessage>
  const patience = createPatience(limits)
  let time = performance.now()
  let bytes = socket?.bytesRead ?? 0
  const timer = setInterval(() => {
    const [now, read] = [performance.now(), socket?.bytesRead ?? 0]
    // When this process was busy for longer, that was not the client.
    const passed = Math.min(now - time, everyMs * 2) / 1000
    const waited = source.readableLength > 0 ? 0 : passed
    const patient = patience.spend(waited, read - bytes)
    time = now
    bytes = read
    if (source.readableEnded || !patient) clearInterval(timer)
    if (!source.readableEnded && !patient) onSlow()
  }, everyMs)
  return timer.unref()
}
