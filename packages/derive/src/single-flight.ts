import { untilAborted } from '@mortise/async'

/** Loads what a key names once for all who want it at the same time. Rejects with what `load` throws or `signal.reason`. */
export type SingleFlight<T> = (key: string, signal: AbortSignal) => Promise<T>

type Flight<T> = { result: Promise<T>; waiters: number; abort: AbortController }

/** `load` gets a signal of its own, which is aborted when the last one who waited has left. */
export function createSingleFlight<T>(load: (key: string, signal: AbortSignal) => Promise<T>): SingleFlight<T> {
  const flights = new Map<string, Flight<T>>()

  function start(key: string): Flight<T> {
    const abort = new AbortController()
    const flight = { result: load(key, abort.signal).finally(() => end(key, flight)), waiters: 0, abort }
    flights.set(key, flight)
    return flight
  }

  /** Whoever comes later starts anew. */
  function end(key: string, flight: Flight<T>) {
    if (flights.get(key) === flight) flights.delete(key)
  }

  return async (key, signal) => {
    signal.throwIfAborted()
    const flight = flights.get(key) ?? start(key)
    flight.waiters++
    try {
      return await untilAborted(flight.result, signal)
    } finally {
      flight.waiters--
      if (flight.waiters === 0) {
        end(key, flight)
        flight.abort.abort(signal.reason)
      }
    }
  }
}
