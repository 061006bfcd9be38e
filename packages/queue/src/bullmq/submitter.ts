import { randomUUID } from 'node:crypto'
import { untilAborted, within } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import { createFlights } from '../flights.ts'
import type { JobQueue } from '../queue.ts'
import { type Adding, createAdding } from './adding.ts'
import { type Answers, createAnswers } from './answers.ts'
import { createBackgroundTasks } from './background-tasks.ts'
import { commandMs, type RedisTarget, readEvictionPolicy } from './connect.ts'
import { createCounts } from './counts.ts'
import { type BullFlight, createFlightState, type FlightState } from './flight-state.ts'
import { type Keys, laneOf } from './keys.ts'
import { createLink } from './link.ts'
import { createNotifier } from './notifier.ts'
import { createPresence } from './presence.ts'
import { createRecheck } from './recheck.ts'
import type { Subscriptions } from './subscriptions.ts'
import { throwUnavailable, unavailable } from './unavailable.ts'
import type { WireOutcome } from './wire.ts'

export type SubmitterOptions = {
  target: RedisTarget
  keys: Keys
  subscriptions: Subscriptions
  maxWaiting: number
  attempts: number
  onError: (error: unknown) => void
}

export type Submitter = Pick<JobQueue, 'submit' | 'ping' | 'stats' | 'close'> & {
  /** `null` when nobody says. */
  evictionPolicy(): Promise<string | null>
}

const cancelled: WireOutcome = { ok: false, failure: { code: 'cancelled', message: 'everybody who waited has left' } }

export function createSubmitter(options: SubmitterOptions): Submitter {
  const { target, keys, subscriptions, maxWaiting, attempts, onError } = options
  const processId = randomUUID().slice(0, 8)
  let created = 0
  const tasks = createBackgroundTasks(onError)
  const open = () => createFlightState(`${processId}.${created++}`)
  const opened = (flight: BullFlight) => adding.add(flight)
  const raised = (flight: BullFlight) => adding.raised(flight)
  const flights = createFlights<FlightState>(maxWaiting, { open, opened, raised, settled, left })
  const listen = () => subscriptions.hear(keys.inbox + processId, message => answers.hear(message))
  const link = createLink({ target, keys, listen, onError })
  const presence = createPresence(link.client, keys)
  const notifier = createNotifier(link.client, keys, 0)
  const recheck = createRecheck({
    waiting: () => flights.all().filter(flight => flight.state.added),
    check: checkAll,
    lost,
  })
  const adding: Adding = createAdding({
    ...{ link, presence, tasks, attempts, reject: flights.reject },
    onAdded: recheck.start,
    onJoined: flight => answers.check([flight]),
  })
  const answers: Answers = createAnswers({ link, keys, tasks, flights, adding })
  const countJobs = createCounts(link, keys)

  function settled({ plan, state }: BullFlight) {
    if (state.announced === 0) return
    tasks.run(async () => {
      await state.adding
      await presence.leave(plan.id, state.member)
    })
  }

  /** Takes the job back, unless somebody waits for it elsewhere, or wants it although nobody waits. */
  function left({ plan, lane, kept, state }: BullFlight) {
    tasks.run(async () => {
      await state.adding
      if (state.announced === 0 || (await presence.leave(plan.id, state.member)) > 0) return
      if (kept || state.answered || (lane === 'interactive' && laneOf(state.jobId) === 'background')) return
      const queue = await link.ready()
      // Who has joined in between adds it again. An active job cannot be removed: its worker hears of it.
      if ((await queue.remove(state.jobId)) > 0) await notifier.end(state.jobId, cancelled)
      else await link.client.publish(keys.cancel, state.jobId)
    })
  }

  async function checkAll(waiting: BullFlight[]) {
    if (await answers.check(waiting)) subscriptions.renew()
  }

  function lost(error: unknown) {
    for (const flight of flights.all()) if (flight.state.added) flights.reject(flight, unavailable(error))
  }

  return {
    submit: flights.submit,
    async ping(signal) {
      await untilAborted(
        link
          .ready()
          .then(() => link.client.ping())
          .catch(throwUnavailable),
        signal,
      )
    },
    evictionPolicy: () => readEvictionPolicy(link.client),
    async stats() {
      const counts = await countJobs().catch(throwUnavailable)
      return { ...counts, flights: flights.size, waiters: flights.waiters }
    },
    async close() {
      recheck.stop()
      flights.close(new MortiseError('queue_unavailable', 'the queue is closed'))
      await within(tasks.done(), commandMs)
      await link.close()
    },
  }
}
