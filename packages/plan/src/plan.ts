import type { Config } from '@mortise/config'
import { MortiseError } from '@mortise/errors'
import type { Format } from '@mortise/operations'
import { parseAddress, parseTarget, publicKey } from './address.ts'
import { compileBucket } from './bucket.ts'
import { asItIs, type Chain, followParents } from './chain.ts'
import { createDerivatives, type Derivatives } from './derivatives.ts'
import { type Explanation, explain, type Resolved } from './explain.ts'
import type { Warn } from './grammars/grammar.ts'
import { digest, planId, printContent } from './id.ts'
import { createNegotiation } from './negotiation.ts'
import { planOutput } from './output.ts'
import { createOverlap } from './overlap.ts'
import { toPasses } from './passes.ts'
import { createPregenerated, type Wanted } from './pregenerated.ts'
import { createReaders } from './readers.ts'
import { keyApart, resultKey } from './result-key.ts'
import type { ScriptEngine } from './script/engine.ts'
import { type Location, maxKeyLength, type Plan, planSchema } from './types.ts'

export type { Format } from '@mortise/operations'
export { type Address, parseAddress, parseQuery, parseTarget, publicKey, type Query } from './address.ts'
export { nameResultKey } from './bucket.ts'
export { createTraces, type Derivatives } from './derivatives.ts'
export type { Derived } from './derived.ts'
export { describePresets, type PresetDescription } from './describe-presets.ts'
export type { Explanation } from './explain.ts'
export { describeGrammars, type GrammarDescription, type GrammarExample } from './grammars/describe.ts'
export { describeParameters, type ParameterDescription } from './grammars/parameters.ts'
export { planId } from './id.ts'
export { placeOf } from './overlap.ts'
export { contains, placeOfLocation, segmentsOf } from './place.ts'
export { planFor } from './plan-for.ts'
export { groupByOriginal, type Wanted } from './pregenerated.ts'
export { presetWatermarks } from './preset-watermarks.ts'
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
  /** What `plan` makes of it, and why; a refusal is an answer too. Nothing is opened or made. */
  explain(request: PlanRequest): Explanation
  /**
   * The plans of derivatives that an object is to have before anybody asks: of all buckets that read it, and are set to
   * (`buckets.*.pregenerate`) or are asked to by `wanted`. Each is exactly that of a client's request for this preset and
   * format. Empty when there is no URL for any.
   */
  pregenerated(object: Location, wanted?: Wanted): Plan[]
  /** Where everything is that was made of an object; whoever changes it takes that away. */
  derivativesOf(object: Location): Derivatives[]
  /** Formats that a client can get for some derivative by accepting them. Empty: `Accept` changes nothing. */
  readonly negotiable: readonly Format[]
}

/** `scripts`: what {@link loadScripts} gave for the same configuration. */
export function createPlanner(config: Config, scripts: ScriptEngine | null = null): Planner {
  const buckets = new Map(
    Object.entries(config.buckets).map(([name, bucket]) => [name, compileBucket(bucket, scripts)]),
  )
  const negotiation = createNegotiation(config)
  const overlaps = createOverlap(config)

  function resolve({ target, accepts }: PlanRequest, warn?: Warn): Resolved {
    const { path, query } = parseTarget(target)
    if (path === '/') return { resolution: { kind: 'buckets' } }
    const { bucket: name, key } = parseAddress(path)
    const bucket = buckets.get(name)
    if (!bucket) throw new MortiseError('no_such_bucket', 'no such bucket')
    if (key === null) return { resolution: { kind: 'bucket', bucket: name } }
    if (key.endsWith('/')) warn?.('path: ends with a slash, so it is a folder, which is no object')
    // A folder is an object that is not there, whatever the grammar would make of its name.
    const chain = key.endsWith('/') ? asItIs(bucket, key) : followParents(buckets, { bucket, key, query, warn })
    const { sets, original: object, checkParent } = chain
    if (sets.length === 0) {
      return { resolution: { kind: 'object', bucket: name, object, imageOnly: chain.links.length > 1 }, chain }
    }
    const offered = negotiation.formatsFor(sets, bucket.keepFormat)
    const chosen = accepts.find(format => offered.includes(format)) ?? null
    const plan = composePlan(chain, chosen, overlaps)
    return {
      resolution: { kind: 'derivative', bucket: name, plan, checkParent, negotiated: offered.length > 0 },
      ...{ chain, negotiation: { offered, chosen } },
    }
  }

  const readers = createReaders(config)
  const pregenerated = createPregenerated({ config, readers, resolve })
  return {
    negotiable: negotiation.formats,
    pregenerated,
    derivativesOf: createDerivatives({ config, buckets, readers, pregenerated, ...negotiation }),
    plan: request => resolve(request).resolution,
    explain: request => explain(request.target, warn => resolve(request, warn), buckets),
  }
}

/** Proves that what came over a queue is a Plan, whole and unchanged; throws `invalid_request`. */
export function readPlan(value: unknown): Plan {
  const result = planSchema.safeParse(value)
  if (!result.success)
    throw new MortiseError('invalid_request', `plan: ${result.error.issues[0]?.message ?? 'invalid'}`)
  if (planId(result.data) !== result.data.id)
    throw new MortiseError('invalid_request', 'plan: its id is of another one')
  return result.data
}

type Overlaps = ReturnType<typeof createOverlap>

function composePlan(chain: Chain, negotiated: Format | null, overlaps: Overlaps): Plan {
  const { bucket, original, sets, links } = chain
  const passes = toPasses(sets, bucket.compat)
  const output = planOutput(sets, negotiated, bucket.compat)
  const content = printContent({ original, passes, output })
  const suffix = negotiated ?? ''
  const place = { storage: `${bucket.name}/transform`, bucket: bucket.name }
  const facts = { links, digest: () => digest(content), suffix, maxNameBytes: bucket.maxNameBytes }
  let key = publicKey(resultKey(chain.resultKey, facts))
  if (overlaps(original, { ...place, key })) key = keyApart(facts)
  if (Math.max(original.key.length, key.length) > maxKeyLength) {
    throw new MortiseError('invalid_request', `path: more than ${maxKeyLength} characters`)
  }
  const derivative: Location = { ...place, key }
  const plan = { original, passes, output, derivative }
  return { id: planId(plan, content), ...plan }
}
