import { within } from '@mortise/async'
import { MortiseError } from '@mortise/errors'
import type { BackgroundTasks } from './background-tasks.ts'
import { commandMs } from './connect.ts'
import { type BullFlight, jobFor } from './flight-state.ts'
import { createJobId, laneOf, planIdOf, priorities } from './keys.ts'
import type { Link } from './link.ts'
import type { Presence } from './presence.ts'
import { unavailable } from './unavailable.ts'

/** How a flight gets a job, and says that it waits for it. */
export type Adding = {
  /** Adds the job, or joins the one that there is. Never rejects: what fails rejects the flight. */
  add(flight: BullFlight): void
  /** Adds it once more: it was removed by somebody else's withdrawal, or Redis lost it. Not for ever. */
  addAgain(flight: BullFlight): void
  announce(flight: BullFlight): Promise<void>
  /** Somebody joined the flight who waits longer, or is the first interactive one. */
  raised(flight: BullFlight): void
}

export type AddingOptions = {
  link: Link
  presence: Presence
  tasks: BackgroundTasks
  /** Tries of a job. */
  attempts: number
  /** Redis has taken the job; `joined`: it is one that was there, and may have answered already. */
  onAdded(flight: BullFlight): void
  onJoined(flight: BullFlight): Promise<unknown>
  reject(flight: BullFlight, error: MortiseError): void
}

/** Two commands and a connection fit into it, and 2 s are what `submit` promises when Redis is away. */
const addingMs = 2 * commandMs
const maxAdds = 6
/** Announced presence lasts this much longer than a deadline, so that not every later waiter has to announce himself. */
const presenceMs = 1_000

export function createAdding(options: AddingOptions): Adding {
  const { link, presence, tasks, attempts, onAdded, onJoined, reject } = options

  function add(flight: BullFlight) {
    const { plan, lane, state } = flight
    Object.assign(state, { added: false, raised: false, answered: false, bytes: undefined })
    state.jobId = createJobId(lane, plan.id, `${state.member}.${state.adds++}`)
    state.adding = within(addOrJoin(flight), addingMs)
      .then(inTime => {
        if (!inTime) throw new MortiseError('queue_unavailable', `Redis has not taken the job within ${addingMs} ms`)
        state.added = true
        onAdded(flight)
      })
      .catch(error => reject(flight, unavailable(error)))
  }

  async function addOrJoin(flight: BullFlight) {
    const { plan, state } = flight
    const { jobId } = state
    const queue = await link.ready()
    if (flight.settled) return
    // In this order: a job of a poisoned plan is not added any more then, and a worker knows who waits for what it gets.
    const [, { id = jobId }] = await Promise.all([announce(flight), queue.add('derive', ...jobFor(flight, attempts))])
    // Messages about it were for us from the start. Of another's job some may have been sent before, so it is looked at.
    if (flight.settled || id === jobId || state.jobId !== jobId) return
    if (planIdOf(id) !== plan.id) throw new MortiseError('internal', `the job ${id} stands for the plan ${plan.id}`)
    state.jobId = id
    await raise(flight)
    await onJoined(flight)
  }

  async function announce({ plan, deadline, state }: BullFlight) {
    state.announced = deadline + presenceMs
    state.announcing++
    const poisoned = await presence.announce(plan.id, state.member, state.announced, state.jobId).finally(() => {
      state.announcing--
    })
    if (poisoned) throw new MortiseError('poisoned', `plan ${plan.id} has taken down its workers`)
  }

  /** Once, because every change of priority puts the job at the end of its new line. */
  async function raise({ lane, state }: BullFlight) {
    if (state.raised || lane !== 'interactive' || laneOf(state.jobId) !== 'background') return
    state.raised = true
    const job = await (await link.ready()).getJob(state.jobId)
    await job?.changePriority({ priority: priorities.interactive })
  }

  return {
    add,
    addAgain(flight) {
      if (flight.state.adds < maxAdds) return add(flight)
      reject(flight, new MortiseError('queue_unavailable', `job ${flight.state.jobId} went away again and again`))
    },
    announce,
    raised(flight) {
      const { state } = flight
      // However many waiters join meanwhile, one task tells Redis about them.
      if (state.raising) return
      state.raising = true
      tasks.run(async () => {
        await state.adding
        state.raising = false
        if (flight.settled) return
        if (flight.deadline > state.announced) await announce(flight)
        await raise(flight)
      })
    },
  }
}
