export type RecheckOptions<T> = {
  waiting: () => T[]
  /** Looks at these; rejects when Redis cannot be asked. */
  check: (waiting: T[]) => Promise<void>
  /** Redis has not answered for so long that those who wait are to be told. */
  lost: (error: unknown) => void
}

export type Recheck = {
  /** Starts, if it has not, and goes on until nobody waits. To be called when Redis has just answered. */
  start(): void
  stop(): void
}

const everyMs = 700
/** After a failure, until it is certain that Redis is away and not only a connection. */
const againMs = 150
/** With one interval and one command before it, this is found within 2 s. */
const lostMs = 1_200

/** Messages can be lost, and a Redis that is away sends none: so what is waited for is looked at from time to time. */
export function createRecheck<T>({ waiting, check, lost }: RecheckOptions<T>): Recheck {
  let timer: NodeJS.Timeout | undefined
  let running = false
  let contact = 0

  function plan(ms: number) {
    timer = setTimeout(tick, ms)
  }

  async function tick() {
    const jobs = waiting()
    if (jobs.length === 0) {
      running = false
      return
    }
    const began = Date.now()
    try {
      await check(jobs)
      contact = Date.now()
    } catch (error) {
      if (began - contact >= lostMs || Date.now() - contact >= lostMs) lost(error)
    }
    if (running) plan(contact >= began ? everyMs : againMs)
  }

  return {
    start() {
      contact = Date.now()
      if (running) return
      running = true
      plan(everyMs)
    },
    stop() {
      running = false
      clearTimeout(timer)
    },
  }
}
