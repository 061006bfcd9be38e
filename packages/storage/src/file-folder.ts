import type { Dirent } from 'node:fs'
import { lstat, opendir, realpath, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { MortiseError } from '@mortise/errors'
import { readBody } from './body.ts'
import { fileEtag } from './file.ts'
import { absentCodes, errorCode, fileError } from './file-error.ts'
import { fits } from './keys.ts'
import { makeFolder } from './replace-file.ts'
import { type NewObject, type ObjectInfo, reservedPrefix } from './storage.ts'
import type { FolderEntry } from './walk-folders.ts'

/** Where all keys of a bucket are. */
export type Home = {
  /** The root of the storage, and the folder in it that stands before every key. */
  root: string
  path: string
  /** What stands before each key instead of its first slash. */
  prefix: string
  hideDotFiles: boolean
}

/**
 * What shows in a folder of a bucket, in the order of the file system: files that a key can name, links to such files
 * that stay below the root, and folders, but no links to folders, which could lead in circles.
 */
export async function* readFolder(home: Home, folder: string): AsyncGenerator<FolderEntry[]> {
  const path = join(home.path, folder)
  try {
    for await (const entries of readEntries(path)) {
      const shown: FolderEntry[] = []
      for (const entry of entries) {
        const { name } = entry
        if (name.includes('\\') || (home.hideDotFiles && name.startsWith('.'))) continue
        if (folder + name === reservedFolder) continue
        const plain = plainKind(entry)
        const kind = plain === 'odd' ? await kindOf(entry, join(path, name), home) : plain
        const isFolder = kind === 'folder'
        if (kind && fits(home.prefix + (folder + name).slice(1) + (isFolder ? '/' : ''))) {
          shown.push({ name, folder: isFolder })
        }
      }
      yield shown
    }
  } catch (error) {
    // A folder of somebody else, such as `lost+found`, has nothing for us.
    if (!absentCodes.has(errorCode(error)) && errorCode(error) !== 'EACCES') throw fileError(error, path)
  }
}

/** What is known of a folder as an object, which it is when nothing shows in it; else `null`. */
export async function describeFolder(home: Home, folder: string): Promise<ObjectInfo | null> {
  const path = join(home.path, folder)
  try {
    const found = await stat(path, { bigint: true })
    if (!found.isDirectory()) return null
    for await (const entries of readFolder(home, folder)) if (entries.length > 0) return null
    return { size: 0, etag: fileEtag(found), lastModified: found.mtime, metadata: {} }
  } catch (error) {
    if (absentCodes.has(errorCode(error))) return null
    throw fileError(error, path)
  }
}

export async function putFolder(
  { root, path: home }: Home,
  folder: string,
  object: NewObject,
  signal: AbortSignal,
): Promise<ObjectInfo> {
  const path = resolve(join(home, folder))
  if (object.size > 0) throw new MortiseError('invalid_request', `${path} is a folder and cannot hold bytes`)
  for await (const _ of readBody(object, signal));
  try {
    await makeFolder(root, path)
    const made = await stat(path, { bigint: true })
    return { size: 0, etag: fileEtag(made), lastModified: made.mtime, metadata: {} }
  } catch (error) {
    throw fileError(error, path)
  }
}

/**
 * Takes away the folders above a path, below that of the bucket, that hold nothing any more: to whoever lists them they
 * would be objects.
 */
export async function removeEmptyFolders({ path: home }: Home, path: string): Promise<void> {
  for (let folder = dirname(path); folder.startsWith(home + sep); folder = dirname(folder)) {
    const gone = await rmdir(folder).then(
      () => true,
      () => false,
    )
    if (!gone) return
  }
}

/** Whether there is a folder that a listing may begin in: one that is not entered through a link. */
export async function hasFolder(home: Home, folder: string): Promise<boolean> {
  try {
    return (await realpath(join(home.path, folder))) === resolve(join(await realpath(home.path), folder))
  } catch (error) {
    if (absentCodes.has(errorCode(error)) || errorCode(error) === 'ENAMETOOLONG') return false
    throw fileError(error, home.path)
  }
}

const reservedFolder = reservedPrefix.slice(0, -1)

const atOnce = 256

/** The first read of each lot waits for the disk and brings the others with it, which are then taken on the spot. */
async function* readEntries(path: string): AsyncGenerator<Dirent[]> {
  const folder = await opendir(path, { bufferSize: atOnce })
  try {
    for (let entry = await folder.read(); entry; entry = await folder.read()) {
      const entries = [entry]
      while (entries.length < atOnce) {
        const next = folder.readSync()
        if (!next) break
        entries.push(next)
      }
      yield entries
    }
  } finally {
    await folder.close()
  }
}

/** What an entry is, as far as its name and kind tell. */
function plainKind(entry: Dirent): 'file' | 'folder' | 'odd' {
  // Bytes that are no UTF-8 come as this character, and the name that has it then names nothing.
  if (entry.name.includes('\ufffd')) return 'odd'
  return entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : 'odd'
}

async function kindOf(entry: Dirent, path: string, { root }: Home): Promise<'file' | 'folder' | null> {
  if (!(await lstat(path).catch(() => null))) return null
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'folder'
  if (!entry.isSymbolicLink()) return null
  try {
    const [target, base] = await Promise.all([realpath(path), realpath(root)])
    return target.startsWith(base + sep) && (await stat(target)).isFile() ? 'file' : null
  } catch {
    return null
  }
}
