import type { BucketConfig, Config } from '@mortise/config'
import { publicKey } from './address.ts'
import { contains, type Place, placeOfLocation, segmentsOf } from './place.ts'
import type { Location } from './types.ts'

/** A bucket with derivatives that are made right from an object. */
export type Reader = {
  bucket: string
  /** The object, as the plans of those derivatives name it. */
  original: Location
}

export type Readers = {
  /** None for an object that no URL means. */
  of(object: Location): Reader[]
  /** Names of buckets whose derivatives may be made from those of this one, itself included. */
  above(bucket: string): ReadonlySet<string>
  /** Where originals may be, of all buckets. */
  readonly places: readonly Place[]
}

/** Which URLs could mean what is made of an object: of its own bucket, of those that have their parents there, and so on. */
export function createReaders(config: Config): Readers {
  const buckets = Object.values(config.buckets)
  const parents = new Map(buckets.map(bucket => [bucket.name, parentsOf(bucket, Object.keys(config.buckets))]))
  const sources = buckets.flatMap(({ name, transform }) =>
    (parents.get(name) ?? []).map(parent => {
      const where = { storage: `${name}/${transform?.parentStorage}`, bucket: parent }
      return { bucket: name, where, place: placeOfLocation(config, where) }
    }),
  )
  const byHolder = Map.groupBy(sources, ({ place }) => place.holder)
  const above = new Map(buckets.map(({ name }) => [name, climb(name, parents)]))
  const own = buckets.map(({ name }) => placeOfLocation(config, { storage: `${name}/basic`, bucket: name }))
  return {
    places: [...own, ...sources.map(({ place }) => place)],
    above: bucket => above.get(bucket) ?? new Set(),
    of(object) {
      const { key } = object
      if (key !== publicKey(key) || key.endsWith('/')) return []
      const place = placeOfLocation(config, object)
      const whole = { ...place, segments: [...place.segments, ...segmentsOf(key)] }
      return (byHolder.get(place.holder) ?? [])
        .filter(source => contains(source.place, whole) && source.place.segments.length < whole.segments.length)
        .map(({ bucket, where, place: { segments } }) => {
          const own = `/${whole.segments.slice(segments.length).join('/')}`
          return { bucket, original: { ...where, key: own } }
        })
    },
  }
}

/** The buckets that the parents of this one can be in. */
function parentsOf({ name, transform }: BucketConfig, all: readonly string[]): readonly string[] {
  if (!transform || transform.kind === 'tengo') return []
  const { kind, parentBucket } = transform
  if (kind === 'script') return all
  if (parentBucket !== null) return [parentBucket]
  return kind === 'query' ? [name] : all
}

function climb(bottom: string, parents: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set([bottom])
  // What is added meanwhile is visited as well.
  for (const below of found) {
    for (const [bucket, its] of parents) if (its.includes(below)) found.add(bucket)
  }
  return found
}
