import type { Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Format } from '@mortise/operations'
import { parseAddress, parseTarget } from './address.ts'
import { type CompiledBucket, compileBucket } from './bucket.ts'
import { type Chain, followParents } from './chain.ts'
import { digest, printContent, printLocation } from './id.ts'
import { planOutput } from './output.ts'
import { resultKey } from './result-key.ts'
import { toSteps } from './transform-set.ts'
import { type Location, type Plan, planSchema } from './types.ts'

export type { Format } from '@mortise/operations'
export { type Address, parseAddress, parseTarget } from './address.ts'
export type { Location, Output, Pass, Plan } from './types.ts'
export { planSchema } from './types.ts'

export type PlanRequest = {
  /** The request target as it came: path and query, undecoded. */
  target: string
  /** The formats that the client asks for in `Accept`, best first; only those in `Planner.negotiable` matter. */
  accepts: readonly Format[]
}

/** What a URL means. */
export type Resolution =
  | { kind: 'buckets' }
  | { kind: 'bucket'; bucket: string }
  /** An object as it is stored. `imageOnly`: it stands for a derivative without steps, so only an image may be sent. */
  | { kind: 'object'; bucket: string; object: Location; imageOnly: boolean }
  | {
      kind: 'derivative'
      bucket: string
      plan: Plan
      /** A stored derivative counts only while its original is the one that it was made from. */
      checkParent: boolean
    }

export type Planner = {
  /** Throws `invalid_request`, `no_such_bucket`, or `unsupported`. Pure: the same request gives the same resolution. */
  plan(request: PlanRequest): Resolution
  /** Formats that a client can get for any derivative by accepting them. Empty: `Accept` changes nothing. */
  readonly negotiable: readonly Format[]
}

export function createPlanner(config: Config): Planner {
  const buckets = new Map(Object.entries(config.buckets).map(([name, bucket]) => [name, compileBucket(name, bucket)]))
  const negotiable: Format[] = config.server.plugins.webp ? ['webp'] : []

  return {
    negotiable,
    plan({ target, accepts }) {
      const { path, query } = parseTarget(target)
      if (path === '/') return { kind: 'buckets' }
      const { bucket: name, key } = parseAddress(path)
      const bucket = buckets.get(name)
      if (!bucket) throw new MortiseError('no_such_bucket', 'no such bucket')
      if (key === null) return { kind: 'bucket', bucket: name }
      if (key.endsWith('/')) throw new MortiseError('no_such_object', 'a folder is no object')
      const chain = followParents(buckets, { bucket, key, query })
      if (chain.sets.length === 0)
        return { kind: 'object', bucket: name, object: chain.original, imageOnly: chain.derived }
      const negotiated = accepts.find(format => negotiable.includes(format)) ?? null
      return {
        kind: 'derivative',
        bucket: name,
        plan: composePlan(bucket, key, chain, negotiated),
        checkParent: bucket.checkParent,
      }
    },
  }
}

/** Proves that what came over a queue is a Plan; throws `invalid_request`. */
export function readPlan(value: unknown): Plan {
  const result = planSchema.safeParse(value)
  if (!result.success)
    throw new MortiseError('invalid_request', `plan: ${result.error.issues[0]?.message ?? 'invalid'}`)
  return result.data
}

function composePlan(bucket: CompiledBucket, key: string, chain: Chain, negotiated: Format | null): Plan {
  const { original, sets } = chain
  const passes = sets.map(toSteps).filter(steps => steps.length > 0)
  const output = planOutput(sets, negotiated)
  const content = printContent({ original, passes, output })
  const derivative: Location = {
    storage: `${bucket.name}/transform`,
    bucket: bucket.name,
    key: resultKey(bucket.resultKey, {
      requestKey: key,
      originalKey: original.key,
      digest: digest(content),
      suffix: negotiated ?? '',
    }),
  }
  const id = digest(`${content}\n${printLocation('derivative', derivative)}`)
  return { id, original, passes, output, derivative }
}
