import { fromFailure, MortiseError } from '@mortise/errors'
import type { Flights } from '../flights.ts'
import type { Adding } from './adding.ts'
import type { BackgroundTasks } from './background-tasks.ts'
import type { BullFlight, FlightState } from './flight-state.ts'
import { inspectJobs, type JobState } from './inspect.ts'
import { type Keys, planIdOf } from './keys.ts'
import type { Link } from './link.ts'
import { readMessage } from './message.ts'
import { fromWire, type WireOutcome } from './wire.ts'

/** How a flight learns what became of its job: by a message, or by looking at the job. */
export type Answers = {
  hear(message: Buffer): void
  /** Looks at the jobs of these flights. Whether one of them has answered or ended; rejects when Redis does not answer. */
  check(waiting: BullFlight[]): Promise<boolean>
}

export type AnswersOptions = {
  link: Link
  keys: Keys
  tasks: BackgroundTasks
  flights: Flights<FlightState>
  adding: Adding
}

export function createAnswers({ link, keys, tasks, flights, adding }: AnswersOptions): Answers {
  function hear(text: Buffer) {
    const message = readMessage(text)
    const flight = message && flights.get(planIdOf(message.jobId))
    if (!flight) return
    if (flight.state.jobId !== message.jobId) return tasks.run(() => announceAgain(flight))
    // Who is told is not announced any more, unless that is on its way again.
    if (flight.state.announcing === 0) flight.state.announced = 0
    const { wire, bytes } = message
    if (wire.ok && wire.inline && !bytes) tasks.run(() => concludeWithBytes(flight, wire))
    else conclude(flight, wire, bytes)
  }

  /** A message about an earlier job of the plan has taken this flight off the list of those who are told of the next. */
  async function announceAgain(flight: BullFlight) {
    await flight.state.adding
    if (flight.settled) return
    await adding.announce(flight)
    if (!flight.settled) await check([flight])
  }

  async function check(waiting: BullFlight[]) {
    const jobIds = waiting.map(flight => flight.state.jobId)
    const jobs = await inspectJobs(link.client, keys, jobIds)
    for (const [i, flight] of waiting.entries()) {
      const job = jobs[i]
      if (job && !flight.settled && flight.state.jobId === job.jobId) act(flight, job)
    }
    return jobs.some(({ state }) => state === 'answered' || state === 'ended')
  }

  function act(flight: BullFlight, job: JobState) {
    if (job.state === 'gone') adding.addAgain(flight)
    else if (job.state === 'answered') answered(flight, job.outcome)
    else if (job.state === 'ended') ended(flight, job.outcome, job.answer)
  }

  function answered(flight: BullFlight, wire: WireOutcome) {
    if (flight.state.answered) return
    if (!wire.ok) return flights.settle(flight, fromWire(wire, null))
    const { jobId } = flight.state
    tasks.run(async () => {
      const bytes = await fetchBytes(flight)
      if (bytes) flights.settle(flight, fromWire(wire, bytes))
      else if (flight.state.jobId === jobId) flight.state.answered = true
    })
  }

  function ended(flight: BullFlight, wire: WireOutcome | null, answer: WireOutcome | null) {
    if (!wire)
      return flights.reject(flight, new MortiseError('internal', `job ${flight.state.jobId} ended with no outcome`))
    // What failed after an answer (to store) changes nothing about it, as long as its bytes are to be had.
    tasks.run(() => concludeWithBytes(flight, wire.ok || !answer?.ok ? wire : answer, wire))
  }

  /** `otherwise`: what it comes to when there are no bytes. */
  async function concludeWithBytes(flight: BullFlight, wire: WireOutcome, otherwise = wire) {
    const bytes = wire.ok && wire.inline ? await fetchBytes(flight) : null
    if (!flight.settled) conclude(flight, bytes ? wire : otherwise, bytes)
  }

  function conclude(flight: BullFlight, wire: WireOutcome, bytes: Uint8Array | null) {
    if (wire.ok) return flights.settle(flight, fromWire(wire, bytes))
    // It was withdrawn, or dropped as forgotten, when we were about to join it.
    if (wire.failure.code === 'cancelled') adding.addAgain(flight)
    else if (wire.failure.code === 'poisoned') flights.reject(flight, fromFailure(wire.failure))
    else flights.settle(flight, fromWire(wire, null))
  }

  /** Once per job and flight. `null` when they have expired, or Redis does not give them: then they are in the storage. */
  function fetchBytes({ state }: BullFlight): Promise<Uint8Array | null> {
    state.bytes ??= link.client.getBuffer(keys.bytes(state.jobId)).then(
      message => (message && readMessage(message)?.bytes) ?? null,
      () => null,
    )
    return state.bytes
  }

  return { hear, check }
}
