/** What has to be done and nobody waits for. */
export type BackgroundTasks = {
  /** What fails is reported. */
  run(task: () => Promise<unknown>): void
  /** When what has been started so far is done. Never rejects. */
  done(): Promise<void>
}

/** Every task ends by itself, because every command to Redis does. */
export function createBackgroundTasks(onError: (error: unknown) => void): BackgroundTasks {
  const running = new Set<Promise<void>>()
  return {
    run(task) {
      const done = task()
        .then(() => undefined, onError)
        .finally(() => running.delete(done))
      running.add(done)
    },
    async done() {
      await Promise.all(running)
    },
  }
}
