/**
 * The limit on how long a backend may be silent in one try of a request. It runs from `start` to `stop`; when it has run
 * out, or the caller's signal is aborted, `signal` is.
 */
export type Clock = {
  signal: AbortSignal
  start(): void
  stop(): void
  /** Ends the try: what is under way is not wanted any more. */
  abandon(): void
  /** The body of the request. The clock rests while its source is asked for the next chunk, and remembers its failure. */
  timed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>
  /** Why the source of the body failed, as it said itself. */
  readonly sourceError: unknown
}

export function createClock(timeoutMs: number, caller: AbortSignal): Clock {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let sourceError: unknown
  const stop = () => clearTimeout(timer)
  const start = () => {
    stop()
    timer = setTimeout(() => controller.abort(new Error(`the backend was silent for ${timeoutMs} ms`)), timeoutMs)
  }
  return {
    signal: AbortSignal.any([caller, controller.signal]),
    start,
    stop,
    abandon() {
      stop()
      controller.abort(new Error('the try has ended'))
    },
    async *timed(chunks) {
      stop()
      try {
        for await (const chunk of chunks) {
          start()
          yield chunk
          stop()
        }
      } catch (error) {
        sourceError = error
        throw error
      }
      start()
    },
    get sourceError() {
      return sourceError
    },
  }
}
