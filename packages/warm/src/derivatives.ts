import type { Config } from '@mortise/config'
import { contains, type Location, placeOfLocation, segmentsOf } from '@mortise/plan'
import type { ObjectInfo } from '@mortise/storage'
import { readRecord } from '@mortise/storage/record'

/** Whether an object is a derivative by where it lies: `perhaps` where originals may be as well. */
export type Suspicion = 'no' | 'perhaps' | 'yes'

/**
 * Gives the function that suspects objects of being derivatives, which a listing of originals shows when both are in one
 * container: derivatives of derivatives would be more with every run.
 */
export function createSuspicion(config: Config): (object: Location) => Suspicion {
  const buckets = Object.values(config.buckets)
  const derivatives = buckets
    .filter(({ storages }) => storages.transform)
    .map(({ name }) => placeOfLocation(config, { storage: `${name}/transform`, bucket: name }))
  const originals = buckets.flatMap(({ name, transform }) =>
    [...new Set(['basic', transform?.parentStorage ?? 'basic'])].map(storage =>
      placeOfLocation(config, { storage: `${name}/${storage}`, bucket: transform?.parentBucket ?? name }),
    ),
  )
  return object => {
    const place = placeOfLocation(config, object)
    const whole = { ...place, segments: [...place.segments, ...segmentsOf(object.key)] }
    const around = derivatives.filter(one => contains(one, whole))
    if (around.length === 0) return 'no'
    const mixed = around.every(one => originals.some(other => contains(one, other) && contains(other, whole)))
    return mixed ? 'perhaps' : 'yes'
  }
}

/** Plain files carry no record: what is called as a derivative is there is taken for one. */
const digestName = /^\/[^/]+\/[0-9a-f]{32}(?:avif|webp)?$/

/** Whether an object that is suspected is one. */
export function isDerivative(kind: string, key: string, info: Pick<ObjectInfo, 'metadata'>): boolean {
  return kind === 'local' ? digestName.test(key) : readRecord(info).plan !== undefined
}
