import type { Config } from '@mortise/config'
import { type Location, placeOf } from '@mortise/plan'

/** Whether these are one object under the names of two storages. */
export function isSameObject({ buckets }: Config, one: Location, other: Location): boolean {
  const [place, otherPlace] = [one, other].map(({ storage, bucket }) => {
    const [owner = '', name = ''] = storage.split('/')
    const settings = buckets[owner]?.storages[name]
    return settings && placeOf(settings, bucket)
  })
  return place !== undefined && place !== null && place === otherPlace && nameOf(one) === nameOf(other)
}

/** Repeated slashes count as one. */
function nameOf({ key }: Location): string {
  return key
    .split('/')
    .filter(segment => segment !== '')
    .join('/')
}
