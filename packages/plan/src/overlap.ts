import path from 'node:path'
import type { Config, StorageConfig } from '@mortise/config'
import type { Location } from './types.ts'

/**
 * Tells derivatives that cannot lie where their key says, because their original does: under its name, or in a folder
 * below it, where that name would have to be a file and a folder at once.
 */
export function createOverlap({ buckets }: Config): (original: Location, derivative: Location) => boolean {
  const place = ({ storage, bucket }: Location) => {
    const [owner = '', name = ''] = storage.split('/')
    const settings = buckets[owner]?.storages[name]
    return settings ? placeOf(settings, bucket) : null
  }
  return (original, derivative) => {
    if (!`${derivative.key}/`.startsWith(`${original.key}/`)) return false
    const originals = place(original)
    if (originals === null || originals !== place(derivative)) return false
    return derivative.key === original.key || isFolder(originals)
  }
}

/**
 * What two storages have in common when they hold the same objects of a bucket: a folder, or a text that is no path.
 * `null` for kinds that hold nothing for long.
 */
export function placeOf(storage: StorageConfig, bucket: string): string | null {
  const container = storage.bucket ?? bucket
  const prefix = segments(storage.pathPrefix)
  switch (storage.kind) {
    case 'local':
    case 'local-meta':
      return path.resolve(storage.rootPath, container, ...prefix)
    case 's3':
      return JSON.stringify([storage.endpoint, storage.region, container, prefix])
    case 'azure':
      return JSON.stringify([storage.azureEndpoint, storage.azureAccount, container, prefix])
    case 'b2':
      return JSON.stringify([storage.b2Endpoint, storage.b2Region, container, prefix])
    case 'google':
      return JSON.stringify(['google', storage.googleEndpoint, container, prefix])
    default:
      return null
  }
}

const isFolder = (place: string) => path.isAbsolute(place)

const segments = (text: string) => text.split('/').filter(segment => segment !== '')
