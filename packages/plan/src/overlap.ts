import path from 'node:path'
import type { Config, StorageConfig } from '@mortise/config'
import type { Location } from './types.ts'

/**
 * Tells derivatives that cannot lie where their key says: in the folder of their originals, under the name of their
 * original or below it, where that name would have to be a file and a folder at once.
 */
export function createOverlap({ buckets }: Config): (original: Location, derivative: Location) => boolean {
  const folder = ({ storage, bucket }: Location) => {
    const [owner = '', name = ''] = storage.split('/')
    const settings = buckets[owner]?.storages[name]
    return settings ? folderOf(settings, bucket) : null
  }
  return (original, derivative) => {
    if (!`${derivative.key}/`.startsWith(`${original.key}/`)) return false
    const originals = folder(original)
    return originals !== null && originals === folder(derivative)
  }
}

/** The folder in which a storage keeps the objects of a bucket; `null` for kinds that keep no files. */
export function folderOf(storage: StorageConfig, bucket: string): string | null {
  if (storage.kind !== 'local' && storage.kind !== 'local-meta') return null
  // Repeated slashes count as one.
  const prefix = storage.pathPrefix.split('/').filter(segment => segment !== '')
  return path.resolve(storage.rootPath, storage.bucket ?? bucket, ...prefix)
}
