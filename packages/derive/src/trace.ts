import type { Plan } from '@mortise/plan'
import type { Storage } from '@mortise/storage'
import type { Gate } from './gate.ts'

/**
 * The key, in the storage of the derivative, of the trace that whoever makes it leaves; `null` when it is found without
 * one. `version`: the ETag of the original.
 */
export type TraceOf = (plan: Plan, version: string) => string | null

export type TraceDeps = {
  /** By name as in a Plan. */
  storage(name: string): Storage
  traceOf: TraceOf
}

/**
 * Gives the function that stores the key of a derivative where somebody who changes the original finds it. Throws
 * `storage_unavailable`.
 *
 * Called when the derivative is stored, and who takes both away begins with the derivative: so one that is stored
 * meanwhile keeps its trace.
 */
export function createLeaveTrace({ storage, traceOf }: TraceDeps, writes: Gate) {
  return async (plan: Plan, version: string, signal: AbortSignal): Promise<void> => {
    const { derivative } = plan
    const key = traceOf(plan, version)
    if (key === null) return
    const body = Buffer.from(derivative.key)
    const object = { body, size: body.byteLength, contentType: 'text/plain', sync: false }
    using _slot = await writes.enter(derivative.storage, signal)
    await writes.call(derivative.storage, signal, limited =>
      storage(derivative.storage).put({ bucket: derivative.bucket, key }, object, limited),
    )
  }
}
