import { MortiseError } from '@mortise/errors'
import type { Plan } from '@mortise/plan'
import { createAlarms } from './alarms.ts'
import type { Lane, Outcome, SubmitOptions } from './queue.ts'
import { createServiceRate } from './service-rate.ts'

/** All who wait in this process for one plan. `State` is what the adapter keeps with it. */
export type Flight<State> = {
  readonly plan: Plan
  /** `interactive` as soon as one waiter is. */
  readonly lane: Lane
  /** The latest deadline of its waiters, in milliseconds since the epoch. */
  readonly deadline: number
  /** A background submitter stopped waiting: the job is wanted although nobody waits for it. */
  readonly kept: boolean
  /** Nobody waits any more: it was answered, rejected, or everybody left. */
  readonly settled: boolean
  readonly state: State
}

/** What an adapter does about a flight. Hooks are synchronous and must not throw. */
export type FlightHooks<State> = {
  /** The first waiter; the flight is in the registry when `opened` is called with the state that `open` returned. */
  open(plan: Plan): State
  opened(flight: Flight<State>): void
  /** A further waiter waits longer than the others, or is the first interactive one. */
  raised?(flight: Flight<State>): void
  /** Answered or rejected. */
  settled?(flight: Flight<State>): void
  /** The last waiter has left without an answer. */
  left(flight: Flight<State>): void
}

export type Flights<State> = {
  readonly size: number
  readonly waiters: number
  /** See `JobQueue.submit`. */
  submit(plan: Plan, options: SubmitOptions): Promise<Outcome>
  get(planId: string): Flight<State> | undefined
  all(): Flight<State>[]
  /** Answers everybody. Does nothing for one that is settled. */
  settle(flight: Flight<State>, outcome: Outcome): void
  reject(flight: Flight<State>, error: MortiseError): void
  /** Rejects who waits and whoever comes later. */
  close(error: MortiseError): void
}

type Waiter<State> = {
  readonly flight: Mutable<Flight<State>> & { waiters: Set<Waiter<State>> }
  readonly options: SubmitOptions
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (reason: unknown) => void
  readonly onAbort: () => void
}
type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Entry<State> = Waiter<State>['flight']

/**
 * The registry of those who wait in this process: one flight per plan id, at most `maxWaiting` of them. Every waiter has
 * one place in it, one abort listener and one alarm, and loses all three in `forget`, on every path.
 */
export function createFlights<State>(maxWaiting: number, hooks: FlightHooks<State>): Flights<State> {
  const entries = new Map<string, Entry<State>>()
  const rate = createServiceRate()
  const alarms = createAlarms<Waiter<State>>(waiter => leave(waiter, timedOut(waiter.flight.plan)))
  let waiters = 0
  let closed: MortiseError | undefined

  function join(
    plan: Plan,
    options: SubmitOptions,
    resolve: Waiter<State>['resolve'],
    reject: Waiter<State>['reject'],
  ) {
    const present = entries.get(plan.id)
    const flight = present ?? begin(plan, options)
    const waiter: Waiter<State> = {
      flight,
      options,
      resolve,
      reject,
      onAbort: () => leave(waiter, options.signal.reason),
    }
    flight.waiters.add(waiter)
    waiters++
    options.signal.addEventListener('abort', waiter.onAbort, { once: true })
    alarms.set(waiter, options.deadline)
    if (present) raise(present, options)
    else hooks.opened(flight)
  }

  function begin(plan: Plan, { lane, deadline }: SubmitOptions): Entry<State> {
    if (entries.size === 0) rate.begin()
    const waiting = new Set<Waiter<State>>()
    const flight = { plan, lane, deadline, kept: false, settled: false, state: hooks.open(plan), waiters: waiting }
    entries.set(plan.id, flight)
    return flight
  }

  function raise(flight: Entry<State>, { lane, deadline }: SubmitOptions) {
    const sooner = lane === 'interactive' && flight.lane !== lane
    if (!sooner && deadline <= flight.deadline) return
    if (sooner) flight.lane = lane
    flight.deadline = Math.max(flight.deadline, deadline)
    hooks.raised?.(flight)
  }

  function forget(waiter: Waiter<State>) {
    waiter.flight.waiters.delete(waiter)
    waiters--
    waiter.options.signal.removeEventListener('abort', waiter.onAbort)
    alarms.clear(waiter, waiter.options.deadline)
  }

  function leave(waiter: Waiter<State>, reason: unknown) {
    const { flight, options } = waiter
    forget(waiter)
    waiter.reject(reason)
    if (options.lane === 'background' && !options.signal.aborted) flight.kept = true
    if (flight.waiters.size > 0) return
    remove(flight)
    hooks.left(flight)
  }

  function settleAll(flight: Flight<State>, tell: (waiter: Waiter<State>) => void) {
    const entry = entries.get(flight.plan.id)
    if (entry !== flight || !entry) return
    remove(entry)
    for (const waiter of entry.waiters) {
      forget(waiter)
      tell(waiter)
    }
    hooks.settled?.(entry)
  }

  function remove(flight: Entry<State>) {
    flight.settled = true
    entries.delete(flight.plan.id)
  }

  /** Why this one cannot wait here, or `undefined`. */
  function refusal(plan: Plan, { signal, deadline }: SubmitOptions): unknown {
    if (closed) return closed
    if (signal.aborted) return signal.reason
    if (deadline <= Date.now()) return timedOut(plan)
    if (entries.has(plan.id) || entries.size < maxWaiting) return undefined
    const retryAfter = rate.secondsFor(entries.size)
    return new MortiseError('overloaded', `already waiting for ${entries.size} jobs`, { retryAfter })
  }

  return {
    get size() {
      return entries.size
    },
    get waiters() {
      return waiters
    },
    submit(plan, options) {
      const reason = refusal(plan, options)
      if (reason !== undefined) return Promise.reject(reason)
      return new Promise((resolve, reject) => join(plan, options, resolve, reject))
    },
    get: planId => entries.get(planId),
    all: () => [...entries.values()],
    settle(flight, outcome) {
      if (!flight.settled) rate.served()
      settleAll(flight, waiter => waiter.resolve(outcome))
    },
    reject: (flight, error) => settleAll(flight, waiter => waiter.reject(error)),
    close(error) {
      closed = error
      for (const flight of entries.values()) settleAll(flight, waiter => waiter.reject(error))
    },
  }
}

function timedOut(plan: Plan): MortiseError {
  return new MortiseError(
    'timed_out',
    `job ${plan.id} had no outcome at its deadline: no worker took it, or one is still at it`,
  )
}
