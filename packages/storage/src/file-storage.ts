import { constants } from 'node:fs'
import { access, rmdir, stat, unlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MortiseError } from '@mortise/errors'
import { orAbort } from './abort.ts'
import { withBody } from './body.ts'
import { checkCondition, isConditional } from './condition.ts'
import { fileEtag } from './file.ts'
import { absentCodes, errorCode, fileError } from './file-error.ts'
import { describeFolder, type Home, putFolder, removeEmptyFolders } from './file-folder.ts'
import { listFiles } from './file-listing.ts'
import { describeObject, type FileFormat, openObject } from './file-object.ts'
import { fromHeaders } from './headers.ts'
import { createPlaces, localPath, type Place, placeOfBucket } from './keys.ts'
import { checkListOptions } from './listing.ts'
import { checkRange } from './range.ts'
import { placeIfAbsent, placeOver, replaceFile } from './replace-file.ts'
import {
  type ByteRange,
  type NewObject,
  type ObjectInfo,
  type ObjectRef,
  reservedPrefix,
  type Storage,
} from './storage.ts'
import { storedBytes } from './stored-bytes.ts'
import { createTurns } from './turns.ts'

export type FileStorageOptions = {
  /** An existing folder. Objects are at `rootPath/<bucket>/<pathPrefix>/<key>`. */
  rootPath: string
  /** The container; absent: the bucket of each object. */
  bucket?: string
  pathPrefix?: string
  /** Refuses to write or delete (`unsupported`) and makes no folder. */
  readonly?: boolean
  /** Files and folders whose name begins with a dot are absent to every read. */
  hideDotFiles?: boolean
  /** Whether a power cut, too, leaves the old object or the new one. Absent: yes. */
  sync?: boolean
}

/**
 * A storage of files, one for each object. Only regular files are objects, and folders in which nothing shows: such a
 * one is an empty object whose key has a trailing slash. An empty put makes it, as in mort; a delete removes it, and the
 * delete of the last object in a folder takes the folder away.
 *
 * `ifAbsent` holds between all processes that share the files, `ifMatch` between the puts of one process.
 */
export function createFileStorage(options: FileStorageOptions, format: FileFormat): Storage {
  const { rootPath, readonly = false, hideDotFiles = false, sync = true } = options
  if (rootPath === '') throw new MortiseError('invalid_config', `${format.kind}: rootPath is empty`)
  const root = resolve(rootPath)
  const place = createPlaces(options)
  const inTurn = createTurns()

  const locate = (ref: ObjectRef) => {
    const at = place(ref)
    // Keys of Mortise's own are found all the same.
    const hidden = hideDotFiles && isDotFile(at) && !ref.key.startsWith(reservedPrefix)
    return { ...at, path: localPath(format.kind, root, at), hidden }
  }

  const homeOf = (bucket: string): Home => {
    const { container, prefix } = placeOfBucket(place, bucket)
    return { root, path: resolve(root, container, prefix), prefix, hideDotFiles }
  }

  async function get(ref: ObjectRef, { range, signal }: { range?: ByteRange; signal: AbortSignal }) {
    if (range) checkRange(range)
    const { key, folder, path, hidden } = locate(ref)
    if (hidden) return null
    if (!folder) return orAbort(signal, () => openObject(format, path, key, range, signal))
    const info = await orAbort(signal, () => describeFolder(homeOf(ref.bucket), ref.key))
    return info && storedBytes(new Uint8Array(), { info, ...(range ? { range } : {}), signal })
  }

  async function describe(ref: ObjectRef, signal: AbortSignal): Promise<ObjectInfo | null> {
    const { key, folder, path, hidden } = locate(ref)
    if (hidden) return null
    return folder ? describeFolder(homeOf(ref.bucket), ref.key) : describeObject(format, path, key, signal)
  }

  async function put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
    if (readonly) throw new MortiseError('unsupported', `${root} is read only`)
    const { key, folder, path } = locate(ref)
    const check = async () => checkCondition(object, await describe(ref, signal))
    const write = async (): Promise<ObjectInfo> => {
      // Said before the body is taken; what counts is what is there when it has been.
      if (isConditional(object)) await check()
      if (folder) return putFolder(homeOf(ref.bucket), ref.key, object, signal)
      const { headers, ...start } = format.writeHead(object)
      const durable = format.keepsHeaders ? (object.sync ?? sync) : sync
      const placing = placeFor(object, path, work => inTurn(path, async () => [await check(), await work()]))
      const { stat, md5 } = await replaceFile({ root, path, ...start, object, sync: durable, ...placing, signal })
      const etag = md5 ?? (format.keepsHeaders ? object.etag : undefined) ?? fileEtag(stat)
      return { ...fromHeaders(headers, key), size: object.size, etag, lastModified: stat.mtime }
    }
    return orAbort(signal, write)
  }

  return {
    kind: format.kind,
    get,
    head: (ref, signal) => orAbort(signal, () => describe(ref, signal)),
    put: (ref, object, signal) => withBody(object, () => put(ref, object, signal)),
    async delete(ref, signal) {
      if (readonly) throw new MortiseError('unsupported', `${root} is read only`)
      const at = locate(ref)
      await orAbort(signal, async () => {
        if (await remove(at.path, at)) await removeEmptyFolders(homeOf(ref.bucket), at.path)
      })
    },
    async list(bucket, options) {
      checkListOptions(options)
      const { signal } = options
      const home = homeOf(bucket)
      return orAbort(signal, () => listFiles(home, options, key => describe({ bucket, key }, signal)))
    },
    async ping(signal) {
      await orAbort(signal, () => checkRoot(root, readonly))
    },
    async [Symbol.asyncDispose]() {},
  }
}

const isDotFile = ({ key }: Place) => key.startsWith('.') || key.includes('/.')

/** How the new file gets its name, where the put says under which condition. */
function placeFor(
  { ifAbsent, ifMatch }: NewObject,
  path: string,
  checked: (work: () => Promise<void>) => Promise<unknown>,
): { place?: (temporary: string) => Promise<void> } {
  if (ifMatch !== undefined) return { place: async from => void (await checked(() => placeOver(from, path))) }
  return ifAbsent ? { place: from => placeIfAbsent(from, path) } : {}
}

/** Whether something was there and has gone. */
async function remove(path: string, { folder }: Place): Promise<boolean> {
  try {
    await (folder ? rmdir(path) : unlink(path))
    return true
  } catch (error) {
    // Under the name of a folder there is nothing to delete without its slash; one that is not empty stays.
    const nothingThere = absentCodes.has(errorCode(error)) || folderCodes.has(errorCode(error))
    if (!nothingThere) throw fileError(error, path)
    return false
  }
}

/** EPERM is what POSIX, and so macOS, answers to unlink on a folder. */
const folderCodes = new Set(['EISDIR', 'EPERM', 'ENOTEMPTY', 'EEXIST'])

async function checkRoot(root: string, readonly: boolean): Promise<void> {
  try {
    await access(root, constants.R_OK | constants.X_OK | (readonly ? 0 : constants.W_OK))
    if ((await stat(root)).isDirectory()) return
  } catch (error) {
    throw new MortiseError('storage_unavailable', `the root folder ${root} cannot be used`, { cause: error })
  }
  throw new MortiseError('storage_unavailable', `${root} is not a folder`)
}
