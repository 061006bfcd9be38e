import { stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { type Config, type ConfigIssue, printPath } from '@mortise/config'
import { createAddressFilter } from '@mortise/fetch'

/**
 * What a configuration names on this machine and is not there, and what it asks for and may not have. Each of it works,
 * but not as it may have been meant. Looks at files, and opens no connection.
 */
export async function lookAround(config: Config): Promise<ConfigIssue[]> {
  const folders = foldersOf(config).map(async ([path, folder]) => {
    if (await isThere(folder, 'isDirectory')) return []
    const later = path.includes('.storages.transform.') ? '; the first derivative makes it' : ''
    return [{ path, message: `there is no folder ${folder} on this machine${later}` }]
  })
  const mayFetch = createAddressFilter(config.security.fetch.networks)
  const watermarks = watermarksOf(config).map(async ([path, image]) => {
    const message = /^https?:/i.test(image) ? refuseUrl(image, mayFetch) : await refuseFile(image)
    return message === null ? [] : [{ path, message: `${message}; every request for this preset is refused` }]
  })
  return (await Promise.all([...folders, ...watermarks])).flat()
}

type Named = [path: string, what: string]

function foldersOf({ buckets }: Config): Named[] {
  return Object.values(buckets).flatMap(({ name: bucket, storages }) =>
    Object.entries(storages).flatMap(([name, storage]): Named[] =>
      'rootPath' in storage ? [[printPath(['buckets', bucket, 'storages', name, 'rootPath']), storage.rootPath]] : [],
    ),
  )
}

function watermarksOf({ buckets }: Config): Named[] {
  return Object.values(buckets).flatMap(({ name: bucket, transform }) =>
    Object.entries(transform?.presets ?? {}).flatMap(([name, { filters }]): Named[] => {
      // That nothing is named has been told.
      if (!filters.watermark?.image) return []
      const above = ['buckets', bucket, 'transform', 'presets', name, 'filters', 'watermark', 'image']
      return [[printPath(above), filters.watermark.image]]
    }),
  )
}

async function refuseFile(image: string): Promise<string | null> {
  const path = image.replace(/^file:/, '')
  return (await isThere(path, 'isFile')) ? null : `there is no file ${path} on this machine`
}

/** Of a name nobody knows the address before it is looked up. */
function refuseUrl(image: string, mayFetch: (address: string) => boolean): string | null {
  const host = URL.parse(image)?.hostname.replace(/^\[|\]$/g, '') ?? ''
  if (isIP(host) === 0 || mayFetch(host)) return null
  return `${host} is no public address, and not in security.fetch.networks`
}

async function isThere(path: string, is: 'isFile' | 'isDirectory'): Promise<boolean> {
  return stat(path).then(
    found => found[is](),
    () => false,
  )
}
