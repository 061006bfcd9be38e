import path from 'node:path'
import type { Config, StorageConfig } from '@mortise/config'
import type { Location } from './types.ts'

/** Where a storage has the objects of a bucket. */
export type Place = {
  /** What holds them: a service with its container; of files the machine. Two storages with the same one may share objects. */
  holder: string
  /** What stands before the segments of every key. */
  segments: readonly string[]
  /** Keys are paths of files, so that no name is a file and a folder at once. */
  files: boolean
}

/** `null` for kinds that hold nothing for long, or nothing that another storage would find. */
export function placeIn(storage: StorageConfig, bucket: string): Place | null {
  const container = storage.bucket ?? bucket
  const prefix = segmentsOf(storage.pathPrefix)
  const remote = (...holder: unknown[]): Place => ({
    holder: JSON.stringify([...holder, container]),
    segments: prefix,
    files: false,
  })
  const files = (holder: unknown[], root: string): Place => ({
    holder: JSON.stringify(holder),
    segments: [...segmentsOf(root), container, ...prefix],
    files: true,
  })
  switch (storage.kind) {
    case 'local':
    case 'local-meta':
      return files(['files'], path.resolve(storage.rootPath))
    case 'sftp':
      return files(['sftp', storage.sftpHost, storage.sftpPort, storage.sftpUsername], storage.sftpBasePath)
    case 's3':
      return remote('s3', storage.endpoint, storage.region)
    case 'azure':
      return remote('azure', storage.azureEndpoint, storage.azureAccount)
    case 'b2':
      return remote('b2', storage.b2Endpoint, storage.b2Region)
    case 'google':
      return remote('google', storage.googleEndpoint)
    case 'oracle':
      return remote('oracle', storage.oracleAuthEndpoint, storage.oracleUsername)
    default:
      return null
  }
}

/** Of what a Plan names. What {@link placeIn} does not tell is a place by itself. */
export function placeOfLocation({ buckets }: Config, { storage, bucket }: Omit<Location, 'key'>): Place {
  const [owner = '', name = ''] = storage.split('/')
  const settings = buckets[owner]?.storages[name]
  const place = settings && placeIn(settings, bucket)
  return place ?? { holder: JSON.stringify([storage, bucket]), segments: [], files: false }
}

/** A text that two locations have in common when they are one object. */
export function nameOfObject(config: Config, location: Location): string {
  const { holder, segments } = placeOfLocation(config, location)
  return JSON.stringify([holder, ...segments, ...segmentsOf(location.key)])
}

/** One place is the other, or a folder in which the other is. */
export function contains(outer: Place, inner: Place): boolean {
  return outer.holder === inner.holder && outer.segments.every((segment, index) => inner.segments[index] === segment)
}

export function segmentsOf(text: string): string[] {
  return text.split('/').filter(segment => segment !== '')
}
