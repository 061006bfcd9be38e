import { setTimeout as delay } from 'node:timers/promises'

export type RetryOptions = {
  /** Whether the same request may succeed later. */
  mayPass(error: unknown): boolean
  /** Milliseconds after which no further try begins. */
  timeoutMs: number
  signal: AbortSignal
}

/** Up to three tries, with a growing wait between them. Throws what the last one threw, or `signal.reason`. */
export async function retry<T>(once: () => Promise<T>, { mayPass, timeoutMs, signal }: RetryOptions): Promise<T> {
  const started = performance.now()
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted()
    try {
      return await once()
    } catch (error) {
      signal.throwIfAborted()
      const wait = firstWaitMs * 2 ** (tries - 1) * (0.5 + Math.random())
      const late = performance.now() - started + wait > timeoutMs
      if (tries === maxTries || late || !mayPass(error)) throw error
      await delay(wait, undefined, { signal }).catch(() => {})
    }
  }
}

/** Statuses of HTTP that the same request may not meet again. */
export const passingStatus = new Set([408, 429, 500, 502, 503, 504])

const maxTries = 3
const firstWaitMs = 100
