import type { JobsOptions } from 'bullmq'
import { jitter } from '../attempt.ts'
import type { Flight } from '../flights.ts'
import type { Job } from '../queue.ts'
import { priorities } from './keys.ts'

/** What a flight has to do with a job. */
export type FlightState = {
  /** Member of the presence of its plan; one per flight, so that a flight that leaves late takes only itself along. */
  readonly member: string
  /** Ours until the answer to "add" names another, which has the same plan. */
  jobId: string
  /** Never rejects. */
  adding: Promise<void>
  added: boolean
  adds: number
  /** Until then presence has been announced; 0 when it is not any more. */
  announced: number
  /** Announcements that Redis has not confirmed yet. */
  announcing: number
  raised: boolean
  raising: boolean
  /** The job has answered, but its bytes are not to be had any more: the end of the job is waited for. */
  answered: boolean
  bytes: Promise<Uint8Array | null> | undefined
}
export type BullFlight = Flight<FlightState>

export function createFlightState(member: string): FlightState {
  return {
    member,
    jobId: '',
    adding: Promise.resolve(),
    added: false,
    adds: 0,
    announced: 0,
    announcing: 0,
    raised: false,
    raising: false,
    answered: false,
    bytes: undefined,
  }
}

/** Before the second attempt (ms); doubled for each further one. */
const backOffMs = 200

/** The job to be added for a flight. One of its plan that is there already is joined instead. */
export function jobFor({ plan, lane, deadline, state }: BullFlight, attempts: number): [Job, JobsOptions] {
  const options: JobsOptions = {
    jobId: state.jobId,
    deduplication: { id: plan.id },
    priority: priorities[lane],
    attempts,
    backoff: { type: 'exponential', delay: backOffMs, jitter },
    stackTraceLimit: 1,
  }
  return [{ plan, lane, deadline }, options]
}
