import { posix } from 'node:path'
import type { FileEntryWithStats, Stats } from 'ssh2'
import { unlessAborted } from './abort.ts'
import { fits, isPathBeginning } from './keys.ts'
import { toListing } from './listing.ts'
import { mapSome } from './map-some.ts'
import type { SftpConnection } from './sftp-connection.ts'
import { isAbsent, sftpError, status, statusOf } from './sftp-error.ts'
import { closing, remoteInfo } from './sftp-file.ts'
import { stateOf } from './sftp-replace.ts'
import { type Listing, type ListOptions, type ObjectInfo, reservedPrefix } from './storage.ts'
import { type FolderEntry, walkFolders } from './walk-folders.ts'

/** Where all keys of a bucket are at a server. */
export type RemoteHome = {
  connection: SftpConnection
  base: string
  /** The folder that stands before every key, and what it is called in keys of the storage. */
  path: string
  prefix: string
  signal: AbortSignal
}

/** One page of the keys of a bucket, with one folder of the server open at a time. */
export async function listRemoteFiles(home: RemoteHome, options: ListOptions): Promise<Listing> {
  const { prefix, limit } = options
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  const entered = isPathBeginning(prefix) && (await hasFolder(home, folder))
  if (!entered) return { objects: [], prefixes: [], next: null }
  const told = await walkFolders(options, name => readRemoteFolder(home, name))
  const keys = told.slice(0, limit).flatMap(({ text, common }) => (common ? [] : [text]))
  const infos = await mapSome(keys, atOnce, key => describe(home, key))
  return toListing(told, limit, new Map(keys.map((key, at) => [key, infos[at]!])))
}

/** What is known of a folder as an object, which it is when nothing shows in it; else `null`. */
export async function describeRemoteFolder(home: RemoteHome, folder: string): Promise<ObjectInfo | null> {
  const path = posix.join(home.path, folder)
  const found = await unlessAborted(home.signal, stateOf(home.connection, path))
  if (!found?.isDirectory()) return null
  for await (const entries of readRemoteFolder(home, folder)) if (entries.length > 0) return null
  return { ...remoteInfo(found, path, ''), size: 0 }
}

/** Takes away the folders above a path, below that of the bucket, that hold nothing any more. */
export async function removeEmptyFolders({ connection, path: home }: RemoteHome, path: string): Promise<void> {
  for (let folder = posix.dirname(path); folder.startsWith(`${home}/`); folder = posix.dirname(folder)) {
    const gone = await connection
      .call((sftp, done) => sftp.rmdir(folder, done))
      .then(
        () => true,
        () => false,
      )
    if (!gone) return
  }
}

/** Requests of one listing that are on their way at a time. */
const atOnce = 8

async function describe(home: RemoteHome, key: string): Promise<ObjectInfo | null> {
  if (key.endsWith('/')) return describeRemoteFolder(home, key)
  const path = posix.join(home.path, key)
  const found = await unlessAborted(home.signal, stateOf(home.connection, path))
  return found?.isFile() ? remoteInfo(found, path, key) : null
}

async function* readRemoteFolder(home: RemoteHome, folder: string): AsyncGenerator<FolderEntry[]> {
  const { connection, signal } = home
  const path = posix.join(home.path, folder)
  const handle = await openFolder(connection, path)
  if (!handle) return
  const close = closing(connection, handle)
  try {
    for (;;) {
      const entries = await unlessAborted(signal, readEntries(connection, handle, path))
      if (!entries) return
      const shown: FolderEntry[] = []
      for (const { filename: name, attrs } of entries) {
        if (name.includes('\\') || folder + name === reservedPrefix.slice(0, -1)) continue
        const kind = await kindOf(home, posix.join(path, name), attrs)
        const isFolder = kind === 'folder'
        if (!kind || !fits(home.prefix + (folder + name).slice(1) + (isFolder ? '/' : ''))) continue
        shown.push({ name, folder: isFolder })
      }
      yield shown
    }
  } finally {
    await close().catch(() => {})
  }
}

async function openFolder(connection: SftpConnection, path: string): Promise<Buffer | null> {
  try {
    return await connection.call<Buffer>((sftp, done) => sftp.opendir(path, done))
  } catch (error) {
    // A folder of somebody else has nothing for us.
    if (isAbsent(error) || statusOf(error) === status.denied) return null
    throw sftpError(error, path)
  }
}

/** Some of the entries; `null` after the last. */
async function readEntries(connection: SftpConnection, handle: Buffer, path: string) {
  try {
    return await connection.call<FileEntryWithStats[]>((sftp, done) => sftp.readdir(handle, done))
  } catch (error) {
    if (statusOf(error) === status.end) return null
    throw sftpError(error, path)
  }
}

/** Links are followed to files below the base; those to folders could lead in circles. */
async function kindOf({ connection, base, signal }: RemoteHome, path: string, attrs: Stats) {
  if (attrs.isFile()) return 'file'
  if (attrs.isDirectory()) return 'folder'
  if (!attrs.isSymbolicLink()) return null
  const [target, root] = await unlessAborted(
    signal,
    Promise.all([realPath(connection, path), realPath(connection, base)]),
  )
  if (!target?.startsWith(`${root}/`)) return null
  const found = await unlessAborted(signal, stateOf(connection, target))
  return found?.isFile() ? 'file' : null
}

async function hasFolder({ connection, path, signal }: RemoteHome, folder: string): Promise<boolean> {
  const inside = posix.join(path, folder).replace(/\/$/, '')
  const [real, home] = await unlessAborted(
    signal,
    Promise.all([realPath(connection, inside), realPath(connection, path)]),
  )
  return real !== null && home !== null && real === posix.join(home, folder).replace(/\/$/, '')
}

/** `null` for what is not there. */
async function realPath(connection: SftpConnection, path: string): Promise<string | null> {
  try {
    return await connection.call<string>((sftp, done) => sftp.realpath(path, done))
  } catch (error) {
    if (statusOf(error) !== null) return null
    throw sftpError(error, path)
  }
}
