import { describeFolder, type Home, hasFolder, readFolder } from './file-folder.ts'
import { isPathBeginning } from './keys.ts'
import { toListing } from './listing.ts'
import { mapSome } from './map-some.ts'
import { type Listing, type ListOptions, type ObjectInfo, reservedPrefix } from './storage.ts'
import { walkFolders } from './walk-folders.ts'

type Describe = (key: string) => Promise<ObjectInfo | null>

/** One page of the keys below a folder. What they say about themselves is read for those of the page only. */
export async function listFiles(home: Home, options: ListOptions, describe: Describe): Promise<Listing> {
  const { prefix, limit, signal } = options
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  const hidden = home.hideDotFiles && folder.includes('/.') && !folder.startsWith(reservedPrefix)
  if (hidden || !isPathBeginning(prefix) || !(await hasFolder(home, folder))) return nothing
  const told = await walkFolders(options, name => readFolder(home, name))
  const keys = told.slice(0, limit).flatMap(({ text, common }) => (common ? [] : [text]))
  const infos = await mapSome(keys, atOnce, key => {
    signal.throwIfAborted()
    return key.endsWith('/') ? describeFolder(home, key) : describe(key)
  })
  return toListing(told, limit, new Map(keys.map((key, at) => [key, infos[at]!])))
}

const nothing: Listing = { objects: [], prefixes: [], next: null }

/** Files that one listing has open at a time. */
const atOnce = 8
