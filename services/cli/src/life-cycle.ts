import type { Log } from '@mortise/telemetry'

type Closable = {
  log: Log
  /** Milliseconds that a drain may take. */
  graceMs: number
  /** `false`: native work goes on. */
  close(): Promise<boolean>
}

/** Ends the process at once, native work included. `process.exit` would wait for it. */
function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** What may come on top of the grace: aborting, handing back, closing connections. */
const marginMs = 10_000

/**
 * Runs until a signal, or until something that nobody caught: then drains. A second signal does not wait. The process
 * ends with 0 after a signal, else with 1; by SIGKILL when native work or a connection does not end in time.
 */
export function runUntilSignal(running: Closable): void {
  let ending = false
  const end = async (code: number) => {
    if (ending) return die()
    ending = true
    setTimeout(die, running.graceMs + marginMs).unref()
    const settled = await running.close().catch(() => false)
    running.log.info(settled ? {} : { settled }, 'stopped')
    if (settled) process.exit(code)
    else die()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      running.log.info({ signal }, 'draining')
      void end(0)
    })
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (err: unknown) => {
      running.log.fatal({ err }, event)
      void end(1)
    })
  }
}

/** Time for other requests and jobs before a process with native work that cannot be ended is replaced. */
const patience = 3000

/** The variable in which a process hands over to the one that replaces it. */
const handOverName = 'MORTISE_SUSPECTS'

/** What the process before this one handed over to {@link restartInPlace}; empty when there was none. */
export function handedOver(): string {
  return process.env[handOverName] ?? ''
}

/**
 * Replaces this process by itself, under the same pid: the only thing that ends native work. What is in hand gets a
 * moment to finish; jobs that do not are run again by whoever is there. `handOver`: what the next process is to know.
 */
export async function restartInPlace(running: Closable | undefined, handOver: string): Promise<void> {
  const moment = new Promise(resolve => setTimeout(resolve, patience))
  await Promise.race([running?.close().catch(() => {}), moment])
  const [, ...args] = process.argv
  try {
    process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...args], {
      ...process.env,
      [handOverName]: handOver,
    } as Record<string, string>)
  } catch {
    // Not on this platform: a supervisor has to start it again.
  }
  die()
}
