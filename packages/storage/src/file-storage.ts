import { constants } from 'node:fs'
import { access, rmdir, stat, unlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MortiseError } from '@mortise/errors'
import { orAbort } from './abort.ts'
import { readBody, withBody } from './body.ts'
import { fileEtag, storedFile } from './file.ts'
import { absentCodes, errorCode, fileError } from './file-error.ts'
import { fromHeaders, type StoredHeaders } from './headers.ts'
import { createPlaces, localPath, type Place } from './keys.ts'
import type { FileHead } from './meta-head.ts'
import { type OpenFile, openFile } from './open-file.ts'
import { checkRange } from './range.ts'
import { makeFolder, replaceFile } from './replace-file.ts'
import type { ByteRange, NewObject, ObjectInfo, ObjectRef, Storage, StoredObject } from './storage.ts'
import { storedBytes } from './stored-bytes.ts'

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

/** How one object lies in one file. */
export type FileFormat = {
  kind: string
  /** What an object says about itself is kept, so a reader who asks can find that it was torn. */
  keepsHeaders: boolean
  /** Absent: nothing stands in front of the bytes. */
  readHead?(file: OpenFile, signal: AbortSignal): Promise<FileHead>
  /** What to write in front of the bytes, and the headers that a reader will find there. */
  writeHead(object: NewObject): { head: Uint8Array; headers: StoredHeaders }
}

/**
 * A storage of files, one for each object. Only regular files are objects. A key with a trailing slash is a folder, as
 * in mort: an empty put makes it, a delete removes it when it is empty, and it is never found by a read.
 */
export function createFileStorage(options: FileStorageOptions, format: FileFormat): Storage {
  const { rootPath, readonly = false, hideDotFiles = false, sync = true } = options
  if (rootPath === '') throw new MortiseError('invalid_config', `${format.kind}: rootPath is empty`)
  const root = resolve(rootPath)
  const place = createPlaces(options)

  async function get(ref: ObjectRef, { range, signal }: { range?: ByteRange; signal: AbortSignal }) {
    if (range) checkRange(range)
    const at = place(ref)
    const path = localPath(root, at)
    if (at.folder || (hideDotFiles && isDotFile(at))) return null
    return orAbort(signal, () => openObject(format, path, at, range, signal))
  }

  async function put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
    if (readonly) throw new MortiseError('unsupported', `${root} is read only`)
    const at = place(ref)
    const path = localPath(root, at)
    if (at.folder) return orAbort(signal, () => putFolder(root, path, object, signal))
    const { head, headers } = format.writeHead(object)
    const durable = format.keepsHeaders ? (object.sync ?? sync) : sync
    const file = await orAbort(signal, () => replaceFile({ root, path, head, object, sync: durable, signal }))
    return { ...fromHeaders(headers, at.key), size: object.size, etag: fileEtag(file), lastModified: file.mtime }
  }

  return {
    kind: format.kind,
    get,
    async head(ref, signal) {
      const found = await get(ref, { signal })
      await found?.[Symbol.asyncDispose]()
      return found?.info ?? null
    },
    put: (ref, object, signal) => withBody(object, () => put(ref, object, signal)),
    async delete(ref, signal) {
      if (readonly) throw new MortiseError('unsupported', `${root} is read only`)
      const at = place(ref)
      const path = localPath(root, at)
      await orAbort(signal, () => remove(path, at))
    },
    async ping(signal) {
      await orAbort(signal, () => checkRoot(root, readonly))
    },
    async [Symbol.asyncDispose]() {},
  }
}

const isDotFile = ({ key }: Place) => key.startsWith('.') || key.includes('/.')

async function openObject(
  format: FileFormat,
  path: string,
  { key }: Place,
  range: ByteRange | undefined,
  signal: AbortSignal,
): Promise<StoredObject | null> {
  const file = await openFile(path)
  if (!file) return null
  try {
    const { offset, headers, start } = format.readHead ? await format.readHead(file, signal) : noHead
    // The last moment at which it is this function that closes the file.
    signal.throwIfAborted()
    const { stat } = file
    const size = Number(stat.size) - offset
    const info = { ...fromHeaders(headers, key), size, etag: fileEtag(stat), lastModified: stat.mtime }
    const opened = { info, ...(range ? { range } : {}), signal }
    const isRead = start && start.length === Number(stat.size) && file.isUnchanged()
    if (!isRead) return storedFile(file, { ...opened, offset })
    await file.close()
    return storedBytes(start.subarray(offset), opened)
  } catch (error) {
    await file.close()
    signal.throwIfAborted()
    throw fileError(error, path)
  }
}

const noHead: FileHead = { offset: 0, headers: {} }

async function putFolder(root: string, path: string, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
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

async function remove(path: string, { folder }: Place): Promise<void> {
  try {
    await (folder ? rmdir(path) : unlink(path))
  } catch (error) {
    // A folder is no object, so there is nothing to delete under its name; one that is not empty stays.
    const nothingThere = absentCodes.has(errorCode(error)) || folderCodes.has(errorCode(error))
    if (!nothingThere) throw fileError(error, path)
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
