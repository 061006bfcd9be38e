import type { Config } from '@mortise/config'
import { type Location, placeOfLocation } from '@mortise/plan'
import { isReserved } from '../reserved.ts'

/** What a key in a container of S3 is to Mortise. */
export type FoundObject = {
  object: Location
  /** Derivatives are stored in this place as well, so it may be one of them. */
  perhapsMade: boolean
}

type Area = {
  storage: string
  /** `null`: any bucket's name is that of its container. */
  container: string | null
  /** Before every key: empty, or with a slash at its end. */
  prefix: string
  /** Derivatives are stored here. */
  made: boolean
}

/**
 * Gives the function that finds the original of an event: one in each service that has a container of this name, for the
 * event does not tell which. None for what Mortise keeps for itself, and for derivatives that have a place of their own.
 */
export function createFindObjects(config: Config): (container: string, key: string) => FoundObject[] {
  const areas = areasOf(config)
  const found = (area: Area, container: string, key: string) => {
    const bucket = area.container === null ? container : (area.storage.split('/')[0] ?? '')
    const object = { storage: area.storage, bucket, key: `/${key.slice(area.prefix.length)}` }
    return { area, object, holder: placeOfLocation(config, object).holder }
  }
  return (container, key) => {
    if (isReserved(`/${key}`)) return []
    const all = areas
      .filter(area => (area.container ?? container) === container)
      .filter(area => area.container !== null || Object.hasOwn(config.buckets, container))
      .filter(({ prefix }) => key.startsWith(prefix) && key.length > prefix.length)
      .map(area => found(area, container, key))
    return [...Map.groupBy(all, ({ holder }) => holder).values()].flatMap(places => {
      const originals = places.filter(({ area }) => !area.made)
      const [nearest] = originals.toSorted((a, b) => b.area.prefix.length - a.area.prefix.length)
      const made = places.filter(({ area }) => area.made)
      if (!nearest || made.some(({ area }) => area.prefix.length > nearest.area.prefix.length)) return []
      return [{ object: nearest.object, perhapsMade: made.length > 0 }]
    })
  }
}

function areasOf({ buckets }: Config): Area[] {
  return Object.values(buckets).flatMap(({ name, storages }) =>
    Object.entries(storages).flatMap(([of, { kind, bucket, pathPrefix }]): Area[] => {
      if (kind !== 's3') return []
      const prefix = pathPrefix.split('/').filter(segment => segment !== '')
      const text = prefix.map(segment => `${segment}/`).join('')
      return [{ storage: `${name}/${of}`, container: bucket, prefix: text, made: of === 'transform' }]
    }),
  )
}
