import { fileEtag, storedFile } from './file.ts'
import { fileError } from './file-error.ts'
import { fromHeaders, type StoredHeaders } from './headers.ts'
import type { FileHead, NewHead } from './meta-head.ts'
import { type OpenFile, openFile } from './open-file.ts'
import type { ByteRange, NewObject, ObjectInfo, StoredObject } from './storage.ts'
import { storedBytes } from './stored-bytes.ts'

/** How one object lies in one file. */
export type FileFormat = {
  kind: string
  /** What an object says about itself is kept, so a reader who asks can find that it was torn. */
  keepsHeaders: boolean
  /** Absent: nothing stands in front of the bytes. `wanted`: the body will be read as well. */
  readHead?(file: OpenFile, wanted: boolean, signal: AbortSignal): Promise<FileHead>
  /** What to write in front of the bytes, and the headers that a reader will find there. */
  writeHead(object: NewObject): NewHead & { headers: StoredHeaders }
}

/** Opens the object in a file; `null` when there is none. */
export async function openObject(
  format: FileFormat,
  path: string,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal,
): Promise<StoredObject | null> {
  const file = await openFile(path)
  if (!file) return null
  try {
    const { info, offset, start } = await readInfo(format, file, key, true, signal)
    // The last moment at which it is this function that closes the file.
    signal.throwIfAborted()
    const opened = { info, ...(range ? { range } : {}), signal }
    const isRead = start && start.length === Number(file.stat.size) && file.isUnchanged()
    if (!isRead) return storedFile(file, { ...opened, offset })
    await file.close()
    return storedBytes(start.subarray(offset), opened)
  } catch (error) {
    await file.close()
    signal.throwIfAborted()
    throw fileError(error, path)
  }
}

/** What is known of the object in a file, without its body; `null` when there is none. */
export async function describeObject(
  format: FileFormat,
  path: string,
  key: string,
  signal: AbortSignal,
): Promise<ObjectInfo | null> {
  const file = await openFile(path)
  if (!file) return null
  try {
    return (await readInfo(format, file, key, false, signal)).info
  } catch (error) {
    signal.throwIfAborted()
    throw fileError(error, path)
  } finally {
    await file.close()
  }
}

async function readInfo(format: FileFormat, file: OpenFile, key: string, wanted: boolean, signal: AbortSignal) {
  const { offset, headers, etag, start } = (await format.readHead?.(file, wanted, signal)) ?? noHead
  const { stat } = file
  const size = Number(stat.size) - offset
  const info: ObjectInfo = {
    ...fromHeaders(headers, key),
    size,
    etag: etag ?? fileEtag(stat),
    lastModified: stat.mtime,
  }
  return { info, offset, start }
}

const noHead: FileHead = { offset: 0, headers: {} }
