import type { TransformKind } from '@mortise/config'
import { type ErrorCode, MortiseError } from '@mortise/errors'
import { type Format, printStep, type Step } from '@mortise/operations'
import type { CompiledBucket } from './bucket.ts'
import type { Chain } from './chain.ts'
import { warnOfOutput, warnOfSet } from './explain-warnings.ts'
import type { Warn } from './grammars/grammar.ts'
import type { Resolution } from './plan.ts'
import type { ResultKey } from './result-key.ts'
import type { Location, Output } from './types.ts'

/** What a URL means, and why; plain JSON. */
export type Explanation = {
  /** As it was given. */
  target: string
  /** A sentence for each thing in the request that has no effect, or another one than it seems. */
  warnings: string[]
} & (
  | { error: { code: ErrorCode; message: string } }
  | { kind: 'buckets' }
  | { kind: 'bucket'; bucket: string }
  /** `imageOnly`: it stands for a derivative without steps. */
  | ({ kind: 'object'; imageOnly: boolean } & Origin)
  | ({ kind: 'derivative' } & Origin & Making)
)

/** Where the bytes come from. */
type Origin = Place & {
  /** Nearest first; the last one is the original. Empty for an object that is asked for by its own key. */
  parents: Place[]
  original: Location
}

/** An object, and the rules by which its key was read. */
type Place = {
  bucket: string
  key: string
  /** `null`: the bucket has no transform. */
  grammar: TransformKind | null
  /** That the key names. */
  preset: string | null
}

type Making = {
  /** The plan's, which is also that of the job. */
  id: string
  /** The steps of each pass, as canonical text. */
  passes: string[][]
  output: Output
  derivative: Location
  /** How the key of the derivative was made. */
  resultKey: ResultKey
  checkParent: boolean
  /** Which formats `Accept` could lead to, and which one it did. */
  negotiation: { offered: readonly Format[]; chosen: Format | null }
}

/** A resolution, and what it was made from. */
export type Resolved =
  | { resolution: Extract<Resolution, { kind: 'buckets' | 'bucket' }> }
  | { resolution: Extract<Resolution, { kind: 'object' }>; chain: Chain }
  | { resolution: Extract<Resolution, { kind: 'derivative' }>; chain: Chain; negotiation: Making['negotiation'] }

/** What `resolve` does, for a reader. Throws only what is no {@link MortiseError}: a bug. */
export function explain(
  target: string,
  resolve: (warn: Warn) => Resolved,
  buckets: ReadonlyMap<string, CompiledBucket>,
): Explanation {
  const { warnings, warn } = collectWarnings()
  try {
    return { target, ...describe(resolve(warn), buckets, warn), warnings }
  } catch (error) {
    if (!(error instanceof MortiseError)) throw error
    return { target, error: { code: error.code, message: error.message }, warnings }
  }
}

function describe(resolved: Resolved, buckets: ReadonlyMap<string, CompiledBucket>, warn: Warn) {
  if (!('chain' in resolved)) return resolved.resolution
  const { chain } = resolved
  const origin = originOf(chain, buckets)
  if (!('negotiation' in resolved))
    return { kind: 'object' as const, imageOnly: resolved.resolution.imageOnly, ...origin }
  const { id, passes, output, derivative } = resolved.resolution.plan
  const { bucket, checkParent, sets } = chain
  const resultKey = chain.resultKey === bucket.resultKey ? bucket.resultName : chain.resultKey
  for (const set of sets) warnOfSet(set, warn)
  warnOfOutput(sets, output, resolved.negotiation.chosen, warn)
  const printed = passes.map(pass => pass.map(step => printStep(withoutSecret(step))))
  const making = { id, passes: printed, output, derivative, resultKey, checkParent, negotiation: resolved.negotiation }
  return { kind: 'derivative' as const, ...origin, ...making }
}

/** What a preset says behind the `?` of a URL opens doors, as in a configuration that is printed. */
function withoutSecret(step: Step): Step {
  return step.op === 'watermark' ? { ...step, image: step.image.replace(/\?.*/s, '?***') } : step
}

function originOf({ links, original }: Chain, buckets: ReadonlyMap<string, CompiledBucket>): Origin {
  const [asked, ...parents] = links.map(({ bucket, key, preset }) => {
    return { bucket, key, grammar: buckets.get(bucket)?.kind ?? null, preset }
  })
  if (!asked) throw new TypeError('a chain has no request')
  return { ...asked, parents, original }
}

/** More of them help nobody. */
const maxWarnings = 50

function collectWarnings() {
  const warnings: string[] = []
  const warn: Warn = sentence => {
    if (warnings.length < maxWarnings) warnings.push(sentence.length > 200 ? `${sentence.slice(0, 200)}…` : sentence)
  }
  return { warnings, warn }
}
