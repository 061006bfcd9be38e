import { MortiseError } from '@mortise/errors'
import { orAbort, unlessAborted } from './abort.ts'
import { readBody, withBody } from './body.ts'
import { checkCondition, isConditional } from './condition.ts'
import { toHeaders } from './headers.ts'
import { createPlaces, localPath, type Place, placeOfBucket } from './keys.ts'
import { checkListOptions } from './listing.ts'
import { checkRange } from './range.ts'
import { createRenewable } from './renewable.ts'
import { openSftpConnection, type SftpConnection } from './sftp-connection.ts'
import { isAbsent, sftpError } from './sftp-error.ts'
import { openRemoteFile, remoteInfo } from './sftp-file.ts'
import { createLeftFiles } from './sftp-left.ts'
import { describeRemoteFolder, listRemoteFiles, type RemoteHome, removeEmptyFolders } from './sftp-listing.ts'
import { remoteFileObject } from './sftp-object.ts'
import { makeRemoteFolder, replaceRemoteFile, stateOf } from './sftp-replace.ts'
import { readSftpServer, type SftpServer } from './sftp-settings.ts'
import { createSlots } from './slots.ts'
import type { ByteRange, NewObject, ObjectInfo, ObjectRef, Storage } from './storage.ts'
import { storedBytes } from './stored-bytes.ts'

export type SftpStorageOptions = SftpServer & {
  /** An existing folder. Objects are at `sftpBasePath/<bucket>/<pathPrefix>/<key>`. Absent: where a login begins. */
  sftpBasePath?: string
  /** The container; absent: the bucket of each object. */
  bucket?: string
  pathPrefix?: string
  /** Files that are open at the server at most; further reads and writes wait for one. Absent: 64. */
  maxOpen?: number
  /** Milliseconds to wait for a login, an answer or a free place; not for a whole body. Absent: 10,000. */
  timeoutMs?: number
}

/**
 * Plain files at an SFTP server, through one connection that carries many requests at a time. As with `local`, the
 * content type is guessed from the extension and what else an object says about itself is dropped. Folders are as in a
 * `local` storage. The tags are weak, so no `ifMatch` but `*` is ever met; that one is looked at before the body is taken.
 */
export function createSftpStorage(options: SftpStorageOptions): Storage {
  const { sftpBasePath: base = '.', maxOpen = 64, timeoutMs = 10_000 } = options
  const place = createPlaces(options)
  const target = readSftpServer(options)
  const left = createLeftFiles()
  const connections = createRenewable('sftp', async closing => {
    const connection = await openSftpConnection(target, timeoutMs, closing)
    left.remove(connection)
    return connection
  })
  const enter = createSlots(maxOpen, timeoutMs)

  const locate = (ref: ObjectRef) => {
    const at = place(ref)
    return { ...at, path: localPath('sftp', base, at) }
  }

  const homeOf = (bucket: string, connection: SftpConnection, signal: AbortSignal): RemoteHome => {
    const { container, prefix } = placeOfBucket(place, bucket)
    const path = localPath('sftp', base, { container, key: prefix.slice(0, -1), folder: true }).replace(/\/$/, '')
    return { connection, base, path, prefix, signal }
  }

  /** What is known of the empty folder that a key with a trailing slash names. */
  const folderInfo = ({ bucket, key }: ObjectRef, signal: AbortSignal) =>
    use(signal, connection => describeRemoteFolder(homeOf(bucket, connection, signal), key))

  async function connect(signal: AbortSignal): Promise<SftpConnection> {
    const connection = await connections.get(signal)
    if (!connection.broken) return connection
    connections.drop(connection)
    return connections.get(signal)
  }

  /** A connection may have broken while nobody looked; what is safe to repeat is tried on a new one. */
  async function use<T>(signal: AbortSignal, work: (connection: SftpConnection) => Promise<T>, repeatable = true) {
    const started = performance.now()
    for (let tries = 1; ; tries += 1) {
      const connection = await connect(signal)
      try {
        return await work(connection)
      } catch (error) {
        signal.throwIfAborted()
        const late = performance.now() - started > timeoutMs / 2
        if (!connection.broken || !repeatable || tries === maxTries || late) throw error
      } finally {
        if (connection.broken) connections.drop(connection)
      }
    }
  }

  async function get(ref: ObjectRef, { range, signal }: { range?: ByteRange; signal: AbortSignal }) {
    signal.throwIfAborted()
    if (range) checkRange(range)
    const { key, folder, path } = locate(ref)
    if (folder) {
      const info = await folderInfo(ref, signal)
      return info && storedBytes(new Uint8Array(), { info, ...(range ? { range } : {}), signal })
    }
    const leave = await enter(signal)
    try {
      const file = await use(signal, connection => openRemoteFile(connection, path, signal))
      if (!file) {
        leave()
        return null
      }
      const close = () => void file.close().then(leave, leave)
      return orElse(close, () => {
        signal.throwIfAborted()
        const info = remoteInfo(file.stat, path, key)
        return remoteFileObject(file, { info, ...(range ? { range } : {}), signal, onClose: leave })
      })
    } catch (error) {
      leave()
      signal.throwIfAborted()
      throw sftpError(error, path)
    }
  }

  async function head(ref: ObjectRef, signal: AbortSignal): Promise<ObjectInfo | null> {
    signal.throwIfAborted()
    const { key, folder, path } = locate(ref)
    if (folder) return folderInfo(ref, signal)
    const found = await use(signal, connection => unlessAborted(signal, stateOf(connection, path)))
    return found?.isFile() ? remoteInfo(found, path, key) : null
  }

  async function put(ref: ObjectRef, object: NewObject, signal: AbortSignal): Promise<ObjectInfo> {
    signal.throwIfAborted()
    const { key, folder, path } = locate(ref)
    const conditional = isConditional(object)
    if (conditional) checkCondition(object, await head(ref, signal))
    if (folder) return use(signal, connection => putFolder(connection, path, object, signal), false)
    // For the same answer to a bad header as from every other kind.
    toHeaders(object)
    const leave = await enter(signal)
    const write = (connection: SftpConnection) =>
      orAbort(signal, () => replaceRemoteFile({ connection, base, path, object, signal, onLeft: left.add }))
    try {
      return remoteInfo(await use(signal, write, object.body instanceof Uint8Array && !conditional), path, key)
    } finally {
      leave()
    }
  }

  async function putFolder(connection: SftpConnection, path: string, object: NewObject, signal: AbortSignal) {
    if (object.size > 0) throw new MortiseError('invalid_request', `${path} is a folder and cannot hold bytes`)
    for await (const _ of readBody(object, signal));
    await unlessAborted(signal, makeRemoteFolder(connection, base, path))
    const made = await unlessAborted(signal, stateOf(connection, path))
    if (!made) throw new MortiseError('storage_unavailable', `sftp ${path} was taken away`)
    return { ...remoteInfo(made, path, ''), size: 0 }
  }

  return {
    kind: 'sftp',
    get,
    head,
    put: (ref, object, signal) => withBody(object, () => put(ref, object, signal)),
    async delete(ref, signal) {
      signal.throwIfAborted()
      const at = locate(ref)
      await use(signal, async connection => {
        const gone = await unlessAborted(signal, remove(connection, at))
        if (!gone) return
        await unlessAborted(signal, removeEmptyFolders(homeOf(ref.bucket, connection, signal), at.path))
      })
    },
    async list(bucket, options) {
      checkListOptions(options)
      const { signal } = options
      const leave = await enter(signal)
      try {
        return await use(signal, connection => listRemoteFiles(homeOf(bucket, connection, signal), options))
      } finally {
        leave()
      }
    },
    async ping(signal) {
      const found = await use(signal, connection => unlessAborted(signal, stateOf(connection, base)))
      if (!found?.isDirectory()) throw new MortiseError('storage_unavailable', `sftp: ${base} is not a folder`)
    },
    async [Symbol.asyncDispose]() {
      const connection = await connections.close()
      connection?.close()
    },
  }
}

const maxTries = 2

/**
 * Whether something was there and has gone. Under the name of a folder there is nothing to delete without its slash; one
 * that is not empty stays.
 */
async function remove(connection: SftpConnection, { path, folder }: Place & { path: string }): Promise<boolean> {
  try {
    await connection.call((sftp, done) => (folder ? sftp.rmdir(path, done) : sftp.unlink(path, done)))
    return true
  } catch (error) {
    if (isAbsent(error)) return false
    const there = await stateOf(connection, path)
    if (there && !there.isDirectory() && !folder) throw sftpError(error, path)
    return false
  }
}

function orElse<T>(clean: () => void, make: () => T): T {
  try {
    return make()
  } catch (error) {
    clean()
    throw error
  }
}
