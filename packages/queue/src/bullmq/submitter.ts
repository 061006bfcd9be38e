import { randomUUID } from 'node:crypto'
import { fromFailure, MortiseError } from '@mortise/errors'
import { createFlights } from '../flights.ts'
import type { JobQueue } from '../queue.ts'
import { unlessAborted, within } from '../within.ts'
import { commandMs, type RedisTarget } from './connect.ts'
import { createCounts } from './counts.ts'
import { createErrands } from './errands.ts'
import { createJobId, type Keys, laneOf, planIdOf, priorities } from './keys.ts'
import { readLetter } from './letter.ts'
import { createLink } from './link.ts'
import { type Look, look } from './look.ts'
import { createPost } from './post.ts'
import { createPresence } from './presence.ts'
import { createRecheck } from './recheck.ts'
import { createRide, jobFor, type Ride, type Ticket } from './ride.ts'
import type { Subscriptions } from './subscriptions.ts'
import { throwUnavailable, unavailable } from './unavailable.ts'
import { fromWire, type WireOutcome } from './wire.ts'

export type SubmitterOptions = {
  target: RedisTarget
  keys: Keys
  subscriptions: Subscriptions
  maxWaiting: number
  attempts: number
  onError: (error: unknown) => void
}

export type Submitter = Pick<JobQueue, 'submit' | 'ping' | 'stats' | 'close'>

/** Two commands and a connection fit into it, and 2 s are what `submit` promises when Redis is away. */
const boardingMs = 2 * commandMs
/** So often is a job added for one flight, when it was removed by somebody else's withdrawal or Redis lost it. */
const maxAdds = 6
/** Announced presence lasts this much longer than a deadline, so that not every later waiter has to announce himself. */
const presenceMs = 1_000
const cancelled: WireOutcome = { ok: false, failure: { code: 'cancelled', message: 'everybody who waited has left' } }

export function createSubmitter(options: SubmitterOptions): Submitter {
  const { target, keys, subscriptions, maxWaiting, attempts, onError } = options
  const processId = randomUUID().slice(0, 8)
  let rides = 0
  const errands = createErrands(onError)
  const open = () => createRide(`${processId}.${rides++}`)
  const flights = createFlights<Ride>(maxWaiting, { open, opened: board, raised, landed, left })
  const listen = () => subscriptions.hear(keys.inbox + processId, hear)
  const link = createLink({ target, keys, listen, onError })
  const presence = createPresence(link.client, keys)
  const post = createPost(link.client, keys, 0)
  const recheck = createRecheck({
    waiting: () => flights.all().filter(flight => flight.state.aboard),
    check: checkAll,
    lost,
  })
  const countJobs = createCounts(link)

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
    const { jobId } = flight.state
    const queue = await link.ready()
    if (flight.landed) return
    // In this order: a job of a poisoned plan is not added any more then, and a worker knows who waits for what it gets.
    const [, added] = await Promise.all([announce(flight), queue.add('derive', ...jobFor(flight, attempts))])
    // Messages about it were for us from the start. Of another's job some may have been sent before, so it is looked at.
    if (flight.landed || !added.id || added.id === jobId || flight.state.jobId !== jobId) return
    flight.state.jobId = added.id
    await raise(flight)
    await check([flight])
  }

  async function announce({ plan, deadline, state: ride }: Ticket) {
    ride.announced = deadline + presenceMs
    ride.announcing++
    const poisoned = await presence.announce(plan.id, ride.member, ride.announced, ride.jobId).finally(() => {
      ride.announcing--
    })
    if (poisoned) throw new MortiseError('poisoned', `plan ${plan.id} has taken down its workers`)
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
    if (ride.announced === 0) return
    errands.run(async () => {
      await ride.boarding
      await presence.leave(plan.id, ride.member)
    })
  }

  /** Takes the job back, unless somebody waits for it elsewhere, or wants it although nobody waits. */
  function left(flight: Ticket) {
    const { plan, lane, kept, state: ride } = flight
    errands.run(async () => {
      await ride.boarding
      if (ride.announced === 0 || (await presence.leave(plan.id, ride.member)) > 0) return
      if (kept || ride.answered || (lane === 'interactive' && laneOf(ride.jobId) === 'background')) return
      const queue = await link.ready()
      // Who has joined in between boards again. An active job cannot be removed: its worker hears of it.
      if ((await queue.remove(ride.jobId)) > 0) await post.end(ride.jobId, cancelled)
      else await link.client.publish(keys.cancel, ride.jobId)
    })
  }

  function hear(message: Buffer) {
    const letter = readLetter(message)
    const flight = letter && flights.get(planIdOf(letter.jobId))
    if (!flight) return
    if (flight.state.jobId !== letter.jobId) return errands.run(() => announceAgain(flight))
    // Who is told is not announced any more, unless that is on its way again.
    if (flight.state.announcing === 0) flight.state.announced = 0
    conclude(flight, letter.wire, letter.bytes)
  }

  /** A letter about an earlier job of the plan has taken this flight off the list of those who are told of the next. */
  async function announceAgain(flight: Ticket) {
    await flight.state.boarding
    if (flight.landed) return
    await announce(flight)
    if (!flight.landed) await check([flight])
  }

  async function checkAll(waiting: Ticket[]) {
    if (await check(waiting)) subscriptions.renew()
  }

  /** Whether one of the jobs has answered or ended. */
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
    return looks.some(({ state }) => state === 'answered' || state === 'ended')
  }

  function act(flight: Ticket, seen: Look) {
    if (seen.state === 'gone') boardAgain(flight)
    else if (seen.state === 'answered') early(flight, seen.outcome)
    else if (seen.state === 'ended') ended(flight, seen.outcome, seen.answer)
  }

  function boardAgain(flight: Ticket) {
    if (flight.state.adds < maxAdds) board(flight)
    else
      flights.reject(
        flight,
        new MortiseError('queue_unavailable', `job ${flight.state.jobId} went away again and again`),
      )
  }

  function early(flight: Ticket, wire: WireOutcome) {
    if (flight.state.answered) return
    if (!wire.ok) return flights.settle(flight, fromWire(wire, null))
    const { jobId } = flight.state
    errands.run(async () => {
      const bytes = await fetchBytes(flight)
      if (bytes) flights.settle(flight, fromWire(wire, bytes))
      else if (flight.state.jobId === jobId) flight.state.answered = true
    })
  }

  function ended(flight: Ticket, wire: WireOutcome | null, answer: WireOutcome | null) {
    if (!wire)
      return flights.reject(flight, new MortiseError('internal', `job ${flight.state.jobId} ended with no outcome`))
    errands.run(async () => {
      // What failed after an answer (to store) changes nothing about it, as long as its bytes are to be had.
      const last = wire.ok || !answer?.ok ? wire : answer
      const bytes = last.ok && last.inline ? await fetchBytes(flight) : null
      if (!flight.landed) conclude(flight, bytes ? last : wire, bytes)
    })
  }

  function conclude(flight: Ticket, wire: WireOutcome, bytes: Uint8Array | null) {
    if (wire.ok) return flights.settle(flight, fromWire(wire, bytes))
    // It was withdrawn, or dropped as forgotten, when we were about to join it.
    if (wire.failure.code === 'cancelled') boardAgain(flight)
    else if (wire.failure.code === 'poisoned') flights.reject(flight, fromFailure(wire.failure))
    else flights.settle(flight, fromWire(wire, null))
  }

  /** Once per job and flight. `null` when they have expired, or Redis does not give them: then they are in the storage. */
  function fetchBytes({ state: ride }: Ticket): Promise<Uint8Array | null> {
    ride.bytes ??= link.client.getBuffer(keys.bytes(ride.jobId)).then(
      letter => (letter && readLetter(letter)?.bytes) ?? null,
      () => null,
    )
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
