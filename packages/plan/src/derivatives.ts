import type { BucketConfig, Config } from '@mortise/config'
import type { Format } from '@mortise/operations'
import type { CompiledBucket } from './bucket.ts'
import { digest } from './id.ts'
import { contains, nameOfObject, placeOfLocation } from './place.ts'
import type { Wanted } from './pregenerated.ts'
import type { Readers } from './readers.ts'
import { createReaders } from './readers.ts'
import { foldersOf } from './result-key.ts'
import type { Location, Plan } from './types.ts'

/** Where derivatives of an object are, in one storage. */
export type Derivatives = Omit<Location, 'key'> & {
  /** What begins with one of these is a derivative, of this original or of one with a similar name. */
  prefixes: string[]
  /** Others that are known without a look. */
  keys: string[]
  /** Below it are traces: the body of each is the key of one more. `null`: none are left in this storage. */
  traces: string | null
  /** There may be originals as well: of all these, only what has the record of a derivative is one. */
  shared: boolean
}

export type DerivativesDeps = {
  config: Config
  buckets: ReadonlyMap<string, CompiledBucket>
  readers: Readers
  /** Those that `Accept` can lead to. */
  formats: readonly Format[]
  pregenerated(object: Location, wanted: Wanted): Plan[]
}

/**
 * Gives the function that tells where everything is that was made of an object, however many parents are between them.
 */
export function createDerivatives({ config, buckets, readers, formats, pregenerated }: DerivativesDeps) {
  const isShared = createShared(config, readers)
  const storages = new Map([...buckets.values()].map(bucket => [bucket.name, describe(bucket)]))

  function describe({ name, kind, resultKey }: CompiledBucket) {
    const { storages } = config.buckets[name]!
    const ownKeys = resultKey === 'path' || resultKey === 'hash'
    const plain = storages.transform?.kind === 'local' && isShared(name)
    return { isThere: storages.transform !== undefined, ownKeys, traced: ownKeys || kind === 'script' || plain, plain }
  }

  return (object: Location): Derivatives[] => {
    const found = readers.of(object)
    const name = nameOfObject(config, object)
    const rootKeys = new Map<string, Set<string>>()
    for (const { bucket, original } of found) {
      for (const above of readers.above(bucket)) {
        rootKeys.set(above, (rootKeys.get(above) ?? new Set()).add(original.key))
      }
    }
    const withKeys = [...rootKeys.keys()].some(bucket => storages.get(bucket)?.ownKeys)
    const plans = withKeys ? pregenerated(object, { presets: allPresets(config, rootKeys.keys()), formats }) : []

    return [...rootKeys].flatMap(([bucket, keys]): Derivatives[] => {
      const { isThere, ownKeys, traced, plain } = storages.get(bucket)!
      if (!isThere) return []
      const place = { storage: `${bucket}/transform`, bucket }
      const shared = isShared(bucket)
      const folders = [...keys].flatMap(key => foldersOf(key, { shared }))
      const prefixes = plain ? [] : [...new Set(folders)]
      const known = new Set([
        ...plans.filter(plan => plan.derivative.storage === place.storage).map(plan => plan.derivative.key),
        ...(ownKeys ? queryKeys(config.buckets[bucket]!, keys, formats) : []),
      ])
      const others = [...known].filter(
        key => !prefixes.some(prefix => key.startsWith(prefix)) && nameOfObject(config, { ...place, key }) !== name,
      )
      return [{ ...place, prefixes, keys: others, traces: traced ? tracesOf(name) : null, shared }]
    })
  }
}

/**
 * Gives the function that tells the key, in the storage of the derivative, of the trace that the making of a plan leaves:
 * `null` when its derivative is found without one. `version`: the ETag of the original. The body is the key of the
 * derivative.
 */
export function createTraces(config: Config): (plan: Plan, version: string) => string | null {
  const isShared = createShared(config, createReaders(config))
  return ({ id, original, derivative }, version) => {
    const [bucket = ''] = derivative.storage.split('/')
    const shared = isShared(bucket)
    const plain = shared && config.buckets[bucket]?.storages.transform?.kind === 'local'
    if (!plain && foldersOf(original.key, { shared }).some(folder => derivative.key.startsWith(folder))) return null
    // One that is made again leaves another trace, for the one before may be about to be taken away.
    return tracesOf(nameOfObject(config, original)) + digest(JSON.stringify([derivative.key, id, version]))
  }
}

/** Under the prefix that is Mortise's own in every storage. */
const tracesOf = (name: string) => `/.mortise/made/${digest(name)}/`

/** Whether there may be originals among the derivatives of a bucket. */
function createShared(config: Config, { places }: Readers): (bucket: string) => boolean {
  const shared = new Set(
    Object.keys(config.buckets).filter(bucket => {
      const derivatives = placeOfLocation(config, { storage: `${bucket}/transform`, bucket })
      return places.some(originals => contains(derivatives, originals))
    }),
  )
  return bucket => shared.has(bucket)
}

function allPresets({ buckets }: Config, names: Iterable<string>): string[] {
  return [...new Set([...names].flatMap(name => Object.keys(buckets[name]?.transform?.presets ?? {})))]
}

/** With parameters, and the path for a key, all derivatives of an original have one. */
function queryKeys({ transform }: BucketConfig, keys: ReadonlySet<string>, formats: readonly Format[]): string[] {
  const { kind, resultKey } = transform ?? {}
  if (resultKey !== 'path' || (kind !== 'query' && kind !== 'presets-query')) return []
  return [...keys].flatMap(key => ['', ...formats].map(suffix => key + suffix))
}
