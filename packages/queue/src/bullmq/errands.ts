/** What has to be done and nobody waits for. */
export type Errands = {
  /** What fails is reported. */
  run(errand: () => Promise<unknown>): void
  /** When what has been started so far is done. Never rejects. */
  done(): Promise<void>
}

/** Every errand ends by itself, because every command to Redis does. */
export function createErrands(onError: (error: unknown) => void): Errands {
  const running = new Set<Promise<void>>()
  return {
    run(errand) {
      const done = errand()
        .then(() => undefined, onError)
        .finally(() => running.delete(done))
      running.add(done)
    },
    async done() {
      await Promise.all(running)
    },
  }
}
