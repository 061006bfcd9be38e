import { MortiseError } from '@mortise/errors'

/**
 * Plans that were in hand when this process had to be replaced because of native work that does not end. The end of the
 * process would take that knowledge along, so it goes from one process to the next as text.
 */
export type Suspects = {
  /** Throws `poisoned` for a plan that was in hand too often when the process had to be replaced. */
  check(planId: string): void
  /** The plan is in hand, until what is returned is called with how that ended. */
  begin(planId: string): (end: End) => void
  /** For the process that comes next: what this one was told, and what has been in hand for `ms` or longer. */
  print(ms: number): string
}

/** `made`: it does no harm. `abandoned`: nobody waits for it any more, and its native work may go on. */
export type End = 'made' | 'failed' | 'abandoned'

/** Replacements after which a plan is refused, and how long (ms) it is refused, or suspected. */
const tooOften = 2
const suspectMs = 600_000
/** So many are handed over; and so many are remembered that were abandoned. */
const maxSuspects = 64
const maxAbandoned = 256

type Suspect = { planId: string; times: number; until: number }
type InHand = { planId: string; since: number }

/** `text`: what `print` gave in the process before this one. Nonsense in it is left out. */
export function createSuspects(text: string, now: () => number): Suspects {
  const suspects = new Map(read(text, now()).map(suspect => [suspect.planId, suspect]))
  const inHand = new Set<InHand>()
  const abandoned = new Set<InHand>()

  function timesOf(planId: string): number {
    const suspect = suspects.get(planId)
    return suspect && suspect.until > now() ? suspect.times : 0
  }

  function abandon(entry: InHand) {
    abandoned.add(entry)
    const [oldest] = abandoned
    if (oldest && abandoned.size > maxAbandoned) abandoned.delete(oldest)
  }

  return {
    check(planId) {
      const times = timesOf(planId)
      if (times < tooOften) return
      throw new MortiseError('poisoned', `plan ${planId} was in hand ${times} times when its worker had to be replaced`)
    },
    begin(planId) {
      const entry = { planId, since: now() }
      inHand.add(entry)
      return end => {
        inHand.delete(entry)
        if (end === 'made') suspects.delete(planId)
        if (end === 'abandoned') abandon(entry)
      }
    },
    print(ms) {
      const age = ({ since }: InHand) => now() - since
      // What was abandoned long ago would have been noticed long ago.
      const blamed = [...inHand, ...[...abandoned].filter(entry => age(entry) < 2 * ms)].filter(
        entry => age(entry) >= ms,
      )
      const next = new Map(suspects)
      for (const planId of new Set(blamed.map(entry => entry.planId))) {
        next.delete(planId)
        next.set(planId, { planId, times: timesOf(planId) + 1, until: now() + suspectMs })
      }
      const present = [...next.values()].filter(({ until }) => until > now())
      return present.slice(-maxSuspects).map(print).join(' ')
    },
  }
}

function print({ planId, times, until }: Suspect): string {
  return `${planId}:${times}:${until}`
}

const pattern = /^([0-9a-f]{32}):([1-9]\d{0,3}):(\d{1,15})$/

function read(text: string, now: number): Suspect[] {
  return text.split(' ', maxSuspects).flatMap(part => {
    const [, planId, times, until] = pattern.exec(part) ?? []
    // The clock may have been set back since.
    return planId ? [{ planId, times: Number(times), until: Math.min(Number(until), now + suspectMs) }] : []
  })
}
