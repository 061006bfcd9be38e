import { readFile, writeFile } from 'node:fs/promises'
import { Agent, get, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

export type Row = {
  what: string
  /** What is compared with what, or what is counted. */
  against: string
  result: string
  target: string
  command: string
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/**
 * Measures both in turn, A B B A A B ..., and gives the ratio A/B of each pair: what slows the machine for a while slows
 * both. `rounds` does not count the first pair, which warms up.
 */
export async function pairedRatios(
  rounds: number,
  a: () => Promise<number>,
  b: () => Promise<number>,
): Promise<number[]> {
  const ratios: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const first = round % 2 === 0 ? a : b
    const one = await first()
    const other = await (first === a ? b : a)()
    if (round > 0) ratios.push(first === a ? one / other : other / one)
  }
  return ratios
}

export function printRatios(ratios: number[]): string {
  const sorted = ratios.toSorted((a, b) => a - b)
  return `${median(ratios).toFixed(3)} (${sorted[0]?.toFixed(3)} to ${sorted.at(-1)?.toFixed(3)}, ${ratios.length} pairs)`
}

export type Answer = { status: number; bytes: number; ms: number }

const agent = new Agent({ keepAlive: true, maxSockets: 2000 })

/** One GET, body read and dropped. */
export function fetchOnce(url: string): Promise<Answer> {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    get(url, { agent }, response => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.byteLength
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes, ms: performance.now() - started }))
      response.on('error', reject)
    }).on('error', reject)
  })
}

const piece = Buffer.alloc(256 * 1024, 'mortise')

/** One PUT of so many MiB, sent at the pace of the server. Milliseconds. */
export function sendOnce(url: string, mebibytes: number): Promise<number> {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    let left = mebibytes * 4
    const headers = { 'content-length': left * piece.length }
    const sent = request(url, { method: 'PUT', headers, agent: false }, response => {
      response.resume().once('error', reject)
      response.once('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - started)
        else reject(new Error(`PUT ${url}: ${response.statusCode}`))
      })
    })
    const more = () => {
      while (left-- > 0) if (!sent.write(piece)) return
      sent.end()
    }
    sent.on('drain', more).once('error', reject)
    more()
  })
}

/** All URLs, `concurrency` at a time. Throws when one of them is not answered with 200. */
export async function fetchAll(urls: string[], concurrency: number): Promise<Answer[]> {
  const answers: Answer[] = []
  let next = 0
  const lane = async () => {
    for (let url = urls[next++]; url !== undefined; url = urls[next++]) {
      const answer = await fetchOnce(url)
      if (answer.status !== 200) throw new Error(`${url}: ${answer.status}`)
      answers.push(answer)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  return answers
}

/** MiB now, and at the most so far. */
export async function residentMemory(pid: number): Promise<{ now: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { now: read('VmRSS'), peak: read('VmHWM') }
}

/** MiB by which the memory of a process rises, at the most, above what it is now. Linux tells; nothing is missed. */
export async function memoryGrowth(pid: number, run: () => Promise<unknown>): Promise<number> {
  await writeFile(`/proc/${pid}/clear_refs`, resetPeak)
  const { now } = await residentMemory(pid)
  await run()
  return (await residentMemory(pid)).peak - now
}

/** As proc_pid_clear_refs(5) has it. */
const resetPeak = '5'

/** Waits until a process that says that it is ready has done what it still does after that. */
export async function settle(pid: number): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    if ((await memoryGrowth(pid, () => delay(500))) < 0.5) return
  }
  throw new Error(`the memory of process ${pid} does not come to rest`)
}

/** The value of a counter without labels on an internal listener's metrics page. */
export async function readMetric(internalUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${internalUrl}/metrics`)).text()
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}
