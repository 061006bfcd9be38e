import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Jobs, JobView } from './jobs.ts'

/** ms between two looks; and between two signs of life while nothing changes. */
const lookMs = 1_000
const heartbeatMs = 15_000

/**
 * The progress of a job as server-sent events: `progress` whenever it has changed, once a second at most, and `end` when
 * the job has ended, which ends the stream. Who is slow to read gets fewer.
 */
export function streamProgress(c: Context, jobs: Jobs, id: string, onClosed: () => void): Response {
  // Proxies that collect an answer before they pass it on.
  c.header('x-accel-buffering', 'no')
  return streamSSE(c, async stream => {
    const wake = new AbortController()
    const over = () => wake.abort()
    stream.onAbort(over)
    void jobs.ended(id).then(over)
    let seen = ''
    let sentAt = 0
    try {
      while (!stream.aborted) {
        const job = jobs.get(id)
        if (job?.state !== 'running') return await stream.writeSSE({ event: 'end', data: JSON.stringify(job) })
        const now = withoutClock(job)
        if (now !== seen) await stream.writeSSE({ event: 'progress', id: String(job.done), data: JSON.stringify(job) })
        else if (performance.now() - sentAt >= heartbeatMs) await stream.write(': it goes on\n\n')
        if (now !== seen || performance.now() - sentAt >= heartbeatMs) sentAt = performance.now()
        seen = now
        await delay(lookMs, undefined, { signal: wake.signal }).catch(() => undefined)
      }
    } finally {
      onClosed()
    }
  })
}

/** That time goes by is no progress. */
function withoutClock({ seconds: _, rate: __, remaining: ___, ...rest }: JobView): string {
  return JSON.stringify(rest)
}
