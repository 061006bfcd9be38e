import type { QueueStats } from '../queue.ts'
import { priorities } from './keys.ts'
import type { Link } from './link.ts'

type Counts = Pick<QueueStats, 'waiting' | 'active'>

/** Whoever asks again within this time gets the same numbers. */
const freshMs = 200

/** Counts jobs over all processes, and spares Redis those who ask often. */
export function createCounts(link: Link): () => Promise<Counts> {
  let last: { at: number; counts: Promise<Counts> } | undefined
  return () => {
    if (!last || Date.now() - last.at > freshMs) last = { at: Date.now(), counts: count(link) }
    return last.counts
  }
}

async function count(link: Link): Promise<Counts> {
  const queue = await link.ready()
  const waiting = queue.getCountsPerPriority([0, ...Object.values(priorities)])
  const [perPriority, active] = await Promise.all([waiting, queue.getActiveCount()])
  const of = (priority: number) => perPriority[priority] ?? 0
  // Without a priority: what a dead worker had in hand. It comes first, as if somebody waited.
  return { waiting: { interactive: of(0) + of(priorities.interactive), background: of(priorities.background) }, active }
}
