import type { QueueStats } from '../queue.ts'
import { type Keys, priorities } from './keys.ts'
import type { Link } from './link.ts'

type Counts = Pick<QueueStats, 'waiting' | 'oldestMs' | 'active'>

/** Whoever asks again within this time gets the same numbers. */
const freshMs = 200

/** Counts jobs over all processes, and spares Redis those who ask often. */
export function createCounts(link: Link, keys: Keys): () => Promise<Counts> {
  let last: { at: number; counts: Promise<Counts> } | undefined
  return () => {
    if (!last || Date.now() - last.at > freshMs) last = { at: Date.now(), counts: count(link, keys) }
    return last.counts
  }
}

async function count(link: Link, keys: Keys): Promise<Counts> {
  const queue = await link.ready()
  const waiting = queue.getCountsPerPriority([0, ...Object.values(priorities)])
  const [perPriority, active, oldestMs] = await Promise.all([waiting, queue.getActiveCount(), oldest(link, keys)])
  const of = (priority: number) => perPriority[priority] ?? 0
  // Without a priority: what a dead worker had in hand. It comes first, as if somebody waited.
  const interactive = of(0) + of(priorities.interactive)
  return { waiting: { interactive, background: of(priorities.background) }, oldestMs, active }
}

/** BullMQ's score of a job is its priority times this, plus its place in the order in which jobs came. */
const scorePerPriority = 2 ** 32

async function oldest({ client }: Link, keys: Keys): Promise<number> {
  const below = `(${(priorities.interactive + 1) * scorePerPriority}`
  const [returned, [submitted]] = await Promise.all([
    client.lindex(keys.wait, -1),
    client.zrangebyscore(keys.prioritized, '-inf', below, 'LIMIT', 0, 1),
  ])
  const next = returned ?? submitted
  const timestamp = next && (await client.hget(keys.job(next), 'timestamp'))
  return timestamp ? Math.max(0, Date.now() - Number(timestamp)) : 0
}
