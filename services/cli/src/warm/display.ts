import type { WriteStream } from 'node:tty'
import type { WarmOrder, WarmProgress } from '@mortise/warm'
import { printProgress } from './print.ts'

/** Shows how far it is: on a terminal one line that changes, else a line now and then. */
export type Display = {
  /** How often `show` is to be called (ms). */
  readonly everyMs: number
  show(progress: WarmProgress): void
  /** Takes away what changes. */
  clear(): void
}

const barWidth = 24
const clearLine = '\r\x1b[K'

export function createDisplay(out: WriteStream, { bucket }: WarmOrder): Display {
  if (!out.isTTY) {
    return {
      everyMs: 10_000,
      show: progress => void out.write(`mortise warm ${bucket}: ${printProgress(progress)}\n`),
      clear() {},
    }
  }
  return {
    everyMs: 250,
    show(progress) {
      const line = `${printBar(progress)}${printProgress(progress)}`
      out.write(clearLine + line.slice(0, Math.max(0, out.columns - 1)))
    },
    clear: () => void out.write(clearLine),
  }
}

/** Empty while nobody knows how much there is to do. */
export function printBar({ counted, found, done }: WarmProgress): string {
  if (!counted || found === 0) return ''
  const part = Math.min(1, done / found)
  const full = Math.floor(part * barWidth)
  const percent = String(Math.floor(part * 100)).padStart(3)
  return `[${'#'.repeat(full)}${'-'.repeat(barWidth - full)}] ${percent}%  `
}
