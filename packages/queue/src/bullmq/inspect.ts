import type { Client } from './connect.ts'
import type { Keys } from './keys.ts'
import { parseOutcome, type WireOutcome } from './wire.ts'

/** A job as it is found in Redis. */
export type JobState =
  | { jobId: string; state: 'pending' }
  /** Removed, or lost with a Redis that was restarted. */
  | { jobId: string; state: 'gone' }
  /** It has answered, but not ended. */
  | { jobId: string; state: 'answered'; outcome: WireOutcome }
  /** `null`: it ended with something that is no outcome; it had not answered before it ended. */
  | { jobId: string; state: 'ended'; outcome: WireOutcome | null; answer: WireOutcome | null }

/** Jobs in one pipeline. More are asked for one pipeline after the other, so that other commands come in between. */
const batch = 500
const fields = ['timestamp', 'finishedOn', 'returnvalue', 'failedReason', 'progress'] as const

/** In the order of the ids. Throws when Redis does not answer. */
export async function inspectJobs(client: Client, keys: Keys, jobIds: string[]): Promise<JobState[]> {
  const states: JobState[] = []
  for (let from = 0; from < jobIds.length; from += batch) {
    const ids = jobIds.slice(from, from + batch)
    const pipeline = client.pipeline()
    for (const id of ids) pipeline.hmget(keys.job(id), ...fields)
    const replies = (await pipeline.exec()) ?? []
    for (const [i, jobId] of ids.entries()) states.push(read(jobId, replies[i]))
  }
  return states
}

function read(jobId: string, reply: [error: Error | null, result: unknown] | undefined): JobState {
  const [error, values] = reply ?? [new Error('no reply')]
  if (error) throw error
  const [timestamp, finishedOn, returned, reason, progress] = values as (string | null)[]
  if (timestamp === null) return { jobId, state: 'gone' }
  const answer = parseOutcome(progress)
  // A job that was tried again keeps the reason of the first try.
  const failed = reason && !returned
  if (finishedOn) return { jobId, state: 'ended', outcome: failed ? internal(reason) : parseOutcome(returned), answer }
  return answer ? { jobId, state: 'answered', outcome: answer } : { jobId, state: 'pending' }
}

function internal(message: string): WireOutcome {
  return { ok: false, failure: { code: 'internal', message } }
}
