import type { Lane } from '../queue.ts'

/** BullMQ's name of the queue; part of its keys. */
export const queueName = 'derive'

/** Lower runs first. 0 is left out: jobs with it overtake all others, and only jobs of a dead worker are to do so. */
export const priorities = { interactive: 1, background: 100 } satisfies Record<Lane, number>

export type Keys = ReturnType<typeof createKeys>

/** All keys carry one hash tag, so that a cluster keeps them in one slot, where scripts and pipelines can reach them. */
export function createKeys(prefix: string) {
  const tagged = /\{[^}]+\}/.test(prefix) ? prefix : `{${prefix}}`
  return {
    prefix: tagged,
    /** A job of BullMQ: a hash. */
    job: (jobId: string) => `${tagged}:${queueName}:${jobId}`,
    /** Of BullMQ: ids of jobs without a priority, the next one last: a list. */
    wait: `${tagged}:${queueName}:wait`,
    /** Of BullMQ: ids of jobs that wait, by {@link priorities} and the order in which they came: a sorted set. */
    prioritized: `${tagged}:${queueName}:prioritized`,
    /** Who waits for a plan: a sorted set of flights by deadline, each `<process>.<number>`. Expires. */
    waiters: (planId: string) => `${tagged}:waiters:${planId}`,
    /** The message with the body that a job answered with, or ended with. Expires. */
    bytes: (jobId: string) => `${tagged}:bytes:${jobId}`,
    /** A plan that took its workers down. Expires. */
    poison: (planId: string) => `${tagged}:poison:${planId}`,
    /** Before a process's id: the channel on which it hears what it waits for. */
    inbox: `${tagged}:inbox:`,
    /** The channel on which the last waiter to leave tells the worker, with the job's id. */
    cancel: `${tagged}:cancel`,
  }
}

const jobIdPattern = /^[ib]-([0-9a-f]{32})-[\w.]{1,64}$/

/** Unique, and it tells the lane in which the job was added and its plan. */
export function createJobId(lane: Lane, planId: string, nonce: string): string {
  return `${lane === 'background' ? 'b' : 'i'}-${planId}-${nonce}`
}

export function laneOf(jobId: string): Lane {
  return jobId.startsWith('b-') ? 'background' : 'interactive'
}

/** Empty when the job is none of ours. */
export function planIdOf(jobId: string): string {
  return jobIdPattern.exec(jobId)?.[1] ?? ''
}
