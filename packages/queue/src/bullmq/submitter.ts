import { randomUUID } from 'node:crypto'
import { fromFailure, MortiseError } from '@mortise/errors'
import { jitter } from '../attempt.ts'
import { createFlights, type Flight } from '../flights.ts'
import type { JobQueue } from '../queue.ts'
import { unlessAborted, within } from '../within.ts'
import { type Client, commandMs, type RedisTarget } from './connect.ts'
import { createCounts } from './counts.ts'
import { createErrands } from './errands.ts'
import { createJobId, type Keys, laneOf, planIdOf, priorities } from './keys.ts'
import { createLink } from './link.ts'
import { type Look, look } from './look.ts'
import { createPresence } from './presence.ts'
import { createRecheck } from './recheck.ts'
import { throwUnavailable, unavailable } from './unavailable.ts'
import { fromWire, readOutcome, type WireOutcome } from './wire.ts'

export type SubmitterOptions = {
  target: RedisTarget
  keys: Keys
  patient: () => Client
  maxWaiting: number
  attempts: number
  onError: (error: unknown) => void
}

/** What a flight has to do with a job. */
type Ride = {
  /** Member of the presence of its plan; one per flight, so that a flight that leaves late takes only itself along. */
  readonly member: string
  /** Ours until the answer to "add" names another, which has the same plan. */
  jobId: string
  /** Never rejects. */
  boarding: Promise<void>
  aboard: boolean
  adds: number
  /** Until then presence has been announced. */
  announced: number
  raised: boolean
  rising: boolean
  /** The job has answered, but its bytes are not to be had any more: the end of the job is waited for. */
  answered: boolean
  bytes: Promise<Uint8Array | null> | undefined
}
type Ticket = Flight<Ride>

export type Submitter = Pick<JobQueue, 'submit' | 'ping' | 'stats' | 'close'>

/** Two commands and a connection fit into it, and 2 s are what `submit` promises when Redis is away. */
const boardingMs = 2 * commandMs
/** So often is a job added for one flight, when it was removed by somebody else's withdrawal or Redis lost it. */
const maxAdds = 6
const backOffMs = 200
/** Announced presence lasts this much longer than a deadline, so that not every later waiter has to announce himself. */
const presenceMs = 1_000
/** Jobs that ended stay this long (s), for those who look after the event was lost. */
const retention = { age: 60, count: 1_000 }

export function createSubmitter({ target, keys, patient, maxWaiting, attempts, onError }: SubmitterOptions): Submitter {
  const processId = randomUUID().slice(0, 8)
  let rides = 0
  const errands = createErrands(onError)
  const flights = createFlights<Ride>(maxWaiting, { open, opened: board, raised, landed, left })
  const link = createLink({ target, keys, patient, onError, listener: listener() })
  const presence = createPresence(link.client, keys)
  const recheck = createRecheck({ waiting: () => flights.all().filter(flight => flight.state.aboard), check, lost })
  const countJobs = createCounts(link)

  function open(): Ride {
    const member = `${processId}.${rides++}`
    const boarding = Promise.resolve()
    return {
      member,
      jobId: '',
      boarding,
      aboard: false,
      adds: 0,
      announced: 0,
      raised: false,
      rising: false,
      answered: false,
      bytes: undefined,
    }
  }

  /** Adds the job, or joins the one that there is. Never rejects: what fails rejects the flight. */
  function board(flight: Ticket) {
    const ride = flight.state
    Object.assign(ride, { aboard: false, raised: false, answered: false, bytes: undefined })
    ride.jobId = createJobId(flight.lane, flight.plan.id, `${ride.member}.${ride.adds++}`)
    ride.boarding = within(add(flight), boardingMs)
      .then(inTime => {
        if (!inTime) throw new MortiseError('queue_unavailable', `Redis has not taken the job within ${boardingMs} ms`)
        ride.aboard = true
        recheck.start()
      })
      .catch(error => flights.reject(flight, unavailable(error)))
  }

  async function add(flight: Ticket) {
    const { plan, lane, deadline, state: ride } = flight
    const { jobId } = ride
    const queue = await link.ready()
    if (flight.landed || !(await announce(flight))) return
    const job = await queue.add(
      'derive',
      { plan, lane, deadline },
      {
        jobId,
        deduplication: { id: plan.id },
        priority: priorities[lane],
        attempts,
        backoff: { type: 'exponential', delay: backOffMs, jitter },
        removeOnComplete: retention,
        removeOnFail: retention,
        stackTraceLimit: 1,
      },
    )
    // Events of our own job are ours from the start. Of another's some may have passed by, so it is looked at once.
    if (!job.id || job.id === jobId || ride.jobId !== jobId) return
    ride.jobId = job.id
    await raise(flight)
    await check([flight])
  }

  /** `false` when nobody waits any more. */
  async function announce(flight: Ticket): Promise<boolean> {
    flight.state.announced = flight.deadline + presenceMs
    const poisoned = await presence.announce(flight.plan.id, flight.state.member, flight.state.announced)
    if (poisoned) throw new MortiseError('poisoned', `plan ${flight.plan.id} has taken down its workers`)
    return !flight.landed
  }

  /** Once, because every change of priority puts the job at the end of its new line. */
  async function raise({ lane, state: ride }: Ticket) {
    if (ride.raised || lane !== 'interactive' || laneOf(ride.jobId) !== 'background') return
    ride.raised = true
    const job = await (await link.ready()).getJob(ride.jobId)
    await job?.changePriority({ priority: priorities.interactive })
  }

  /** However many waiters join meanwhile, one errand tells Redis about them. */
  function raised(flight: Ticket) {
    const ride = flight.state
    if (ride.rising) return
    ride.rising = true
    errands.run(async () => {
      await ride.boarding
      ride.rising = false
      if (flight.landed) return
      if (flight.deadline > ride.announced) await announce(flight)
      await raise(flight)
    })
  }

  function landed({ plan, state: ride }: Ticket) {
    if (ride.announced > 0) errands.run(() => presence.leave(plan.id, ride.member))
  }

  /** Takes the job back, unless somebody waits for it elsewhere, or wants it although nobody waits. */
  function left(flight: Ticket) {
    const { plan, lane, kept, state: ride } = flight
    errands.run(async () => {
      await ride.boarding
      if (ride.announced === 0 || (await presence.leave(plan.id, ride.member)) > 0) return
      if (kept || ride.answered || (lane === 'interactive' && laneOf(ride.jobId) === 'background')) return
      const queue = await link.ready()
      // An active job cannot be removed: its worker hears of it. A flight that joins in between boards again.
      if ((await queue.remove(ride.jobId)) === 0) await link.client.publish(keys.cancel, ride.jobId)
    })
  }

  function listener() {
    const of = (jobId: string, act: (flight: Ticket) => void) => {
      const flight = flights.get(planIdOf(jobId) ?? '')
      if (flight?.state.jobId === jobId) act(flight)
    }
    return {
      progress: (jobId: string, data: unknown) => of(jobId, flight => early(flight, readOutcome(data))),
      completed: (jobId: string, returned: unknown) => of(jobId, flight => ended(flight, readOutcome(returned))),
      failed: (jobId: string) => of(jobId, flight => errands.run(() => check([flight]))),
      removed: (jobId: string) => of(jobId, boardAgain),
    }
  }

  async function check(waiting: Ticket[]) {
    const looks = await look(
      link.client,
      keys,
      waiting.map(flight => flight.state.jobId),
    )
    for (const [i, flight] of waiting.entries()) {
      const seen = looks[i]
      if (seen && !flight.landed && flight.state.jobId === seen.jobId) act(flight, seen)
    }
  }

  function act(flight: Ticket, seen: Look) {
    if (seen.state === 'gone') boardAgain(flight)
    else if (seen.state === 'answered') early(flight, seen.outcome)
    else if (seen.state === 'ended') ended(flight, seen.outcome)
  }

  function boardAgain(flight: Ticket) {
    if (flight.state.adds < maxAdds) board(flight)
    else
      flights.reject(
        flight,
        new MortiseError('queue_unavailable', `job ${flight.state.jobId} went away again and again`),
      )
  }

  function early(flight: Ticket, wire: WireOutcome | null) {
    if (!wire || flight.state.answered) return
    if (!wire.ok) return flights.settle(flight, fromWire(wire, null))
    const { jobId } = flight.state
    errands.run(async () => {
      const bytes = await fetchBytes(flight)
      if (bytes) flights.settle(flight, fromWire(wire, bytes))
      else if (flight.state.jobId === jobId) flight.state.answered = true
    })
  }

  function ended(flight: Ticket, wire: WireOutcome | null) {
    if (!wire)
      return flights.reject(flight, new MortiseError('internal', `job ${flight.state.jobId} ended with no outcome`))
    // It was withdrawn, or dropped as forgotten, when we were about to join it.
    if (!wire.ok && wire.failure.code === 'cancelled') return boardAgain(flight)
    if (!wire.ok && wire.failure.code === 'poisoned') return flights.reject(flight, fromFailure(wire.failure))
    if (!wire.ok || !wire.inline) return flights.settle(flight, fromWire(wire, null))
    errands.run(async () => flights.settle(flight, fromWire(wire, await fetchBytes(flight))))
  }

  /** Once per job and flight. `null` when they have expired, or Redis does not give them: then they are in the storage. */
  function fetchBytes({ state: ride }: Ticket): Promise<Uint8Array | null> {
    ride.bytes ??= link.client.getBuffer(keys.bytes(ride.jobId)).catch(() => null)
    return ride.bytes
  }

  function lost(error: unknown) {
    for (const flight of flights.all()) if (flight.state.aboard) flights.reject(flight, unavailable(error))
  }

  return {
    submit: flights.submit,
    async ping(signal) {
      await unlessAborted(
        link
          .ready()
          .then(() => link.client.ping())
          .catch(throwUnavailable),
        signal,
      )
    },
    async stats() {
      const counts = await countJobs().catch(throwUnavailable)
      return { ...counts, flights: flights.size, waiters: flights.waiters }
    },
    async close() {
      recheck.stop()
      flights.close(new MortiseError('queue_unavailable', 'the queue is closed'))
      await within(errands.done(), commandMs)
      await link.close()
    },
  }
}
