import type { Config, StorageConfig } from '@mortise/config'
import { folderOf, type Location } from '@mortise/plan'

/** Whether these are one object under the names of two storages. */
export function isSameObject({ buckets }: Config, one: Location, other: Location): boolean {
  const [place, otherPlace] = [one, other].map(({ storage, bucket }) => {
    const [owner = '', name = ''] = storage.split('/')
    const settings = buckets[owner]?.storages[name]
    return settings && placeOf(settings, bucket)
  })
  return place !== undefined && place !== null && place === otherPlace && nameOf(one) === nameOf(other)
}

/** What two storages have in common when they hold the same objects; `null` for kinds that hold nothing for long. */
function placeOf(storage: StorageConfig, bucket: string): string | null {
  if (storage.kind !== 's3') return folderOf(storage, bucket)
  const { endpoint, region, pathPrefix } = storage
  return JSON.stringify([endpoint, region, storage.bucket ?? bucket, segments(pathPrefix)])
}

/** Repeated slashes count as one. */
function nameOf({ key }: Location): string {
  return segments(key).join('/')
}

function segments(text: string): string[] {
  return text.split('/').filter(segment => segment !== '')
}
