/** A bound on calls at one time. */
export type Turns = {
  /** Waits for a turn, in the order of arrival, and holds it until it is disposed of. Rejects with `signal.reason`. */
  enter(signal: AbortSignal): Promise<Disposable>
}

/** Those who wait are bounded by who calls. */
export function createTurns(atOnce: number): Turns {
  const waiting = new Set<() => void>()
  let free = atOnce

  const leave = () => {
    const [next] = waiting
    if (!next) free++
    else {
      waiting.delete(next)
      next()
    }
  }

  return {
    async enter(signal) {
      signal.throwIfAborted()
      if (free > 0) free--
      else await waitForTurn(waiting, signal)
      let held = true
      return {
        [Symbol.dispose]() {
          if (held) leave()
          held = false
        },
      }
    },
  }
}

function waitForTurn(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const turn = () => {
    signal.removeEventListener('abort', abort)
    resolve()
  }
  const abort = () => {
    waiting.delete(turn)
    reject(signal.reason)
  }
  waiting.add(turn)
  signal.addEventListener('abort', abort, { once: true })
  return promise
}
