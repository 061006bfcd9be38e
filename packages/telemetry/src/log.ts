import { type Logger, pino } from 'pino'

export type Log = Logger

/**
 * One logger for each process, writing JSON lines to standard error at once: nothing is lost when the process ends, and
 * standard output stays free for what a command prints. `level` is `debug` or `info`, from mort's `logLevel`.
 */
export function createLog({ level, role }: { level: 'debug' | 'info'; role: string }): Log {
  return pino(
    {
      level,
      base: { role, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  )
}
