import { readdir, readFile, writeFile } from 'node:fs/promises'
import type { Part } from './cluster.ts'
import { type Answer, get } from './specs/client.ts'

/** What an answer comes to: `200`, or the status and the code of a refusal, as in `503 overloaded`. */
export function resultOf({ status, headers, text }: Answer): string {
  if (!headers.get('content-type')?.startsWith('application/json')) return String(status)
  return `${status} ${JSON.parse(text).code}`
}

/** How often each value occurs. */
export function tally(values: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values.toSorted()) counts[value] = (counts[value] ?? 0) + 1
  return counts
}

/** `200 ready`, `503 draining`, `503 unready`. */
export async function readinessOf({ internalUrl }: Part): Promise<string> {
  const { status, text } = await get(`${internalUrl}/readyz`)
  return `${status} ${JSON.parse(text).status}`
}

/** Several gauges, read at one time. */
export async function gauges({ internalUrl }: Part, names: string[]): Promise<Record<string, number>> {
  const { text } = await get(`${internalUrl}/metrics`)
  return Object.fromEntries(names.map(name => [name, Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])]))
}

/** What only a bug writes. */
export const signsOfACrash = /unhandledRejection|uncaughtException|"level":"(fatal|error)"/

/** Open files and sockets of a process. Linux. */
export async function descriptorsOf({ pid }: Part): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}

/** Bytes of memory that a process has now, and the most that it had since {@link forgetPeak}. Linux. */
export async function memoryOf({ pid }: Part): Promise<{ now: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  return { now: kilobytes('VmRSS'), peak: kilobytes('VmHWM') }
}

export async function forgetPeak({ pid }: Part): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
