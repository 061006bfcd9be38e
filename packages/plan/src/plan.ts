import type { Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Format } from '@mortise/operations'
import { parseAddress, parseTarget } from './address.ts'
import { compileBucket } from './bucket.ts'
import { type Chain, followParents } from './chain.ts'
import { digest, printContent, printLocation } from './id.ts'
import { createNegotiation } from './negotiation.ts'
import { planOutput } from './output.ts'
import { toPasses } from './passes.ts'
import { resultKey } from './result-key.ts'
import type { ScriptEngine } from './script/engine.ts'
import { type Location, maxKeyLength, type Plan, planSchema } from './types.ts'

export type { Format } from '@mortise/operations'
export { type Address, parseAddress, parseTarget } from './address.ts'
export { describeGrammars, type GrammarDescription, type GrammarExample } from './grammars/describe.ts'
export type { ScriptEngine } from './script/engine.ts'
export { loadScripts } from './script/load.ts'
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
      /** Another `Accept` could give another derivative. */
      negotiated: boolean
    }

export type Planner = {
  /** Throws `invalid_request`, `no_such_bucket`, or `unsupported`. Pure: the same request gives the same resolution. */
  plan(request: PlanRequest): Resolution
  /** Formats that a client can get for some derivative by accepting them. Empty: `Accept` changes nothing. */
  readonly negotiable: readonly Format[]
}

/** `scripts`: what {@link loadScripts} gave for the same configuration. */
export function createPlanner(config: Config, scripts: ScriptEngine | null = null): Planner {
  const buckets = new Map(
    Object.entries(config.buckets).map(([name, bucket]) => [name, compileBucket(bucket, scripts)]),
  )
  const negotiation = createNegotiation(config)

  return {
    negotiable: negotiation.formats,
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
      const offered = negotiation.formatsFor(chain.sets)
      const negotiated = accepts.find(format => offered.includes(format)) ?? null
      return {
        kind: 'derivative',
        bucket: name,
        plan: composePlan(name, key, chain, negotiated),
        checkParent: chain.checkParent,
        negotiated: offered.length > 0,
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

function composePlan(bucket: string, key: string, chain: Chain, negotiated: Format | null): Plan {
  const { original, sets } = chain
  const passes = toPasses(sets)
  const output = planOutput(sets, negotiated)
  const content = printContent({ original, passes, output })
  const derivative: Location = {
    storage: `${bucket}/transform`,
    bucket,
    key: resultKey(chain.resultKey, {
      requestKey: key,
      originalKey: original.key,
      digest: digest(content),
      suffix: negotiated ?? '',
    }),
  }
  if (Math.max(original.key.length, derivative.key.length) > maxKeyLength) {
    throw new MortiseError('invalid_request', `path: more than ${maxKeyLength} characters`)
  }
  const id = digest(`${content}\n${printLocation('derivative', derivative)}`)
  return { id, original, passes, output, derivative }
}
