import { posix } from 'node:path'
import { MortiseError } from '@mortise/errors'
import type { Stats } from 'ssh2'
import { unlessAborted } from './abort.ts'
import { readBody } from './body.ts'
import { preconditionFailed } from './condition.ts'
import { temporaryName } from './replace-file.ts'
import type { SftpConnection } from './sftp-connection.ts'
import { isAbsent, sftpError, status, statusOf } from './sftp-error.ts'
import { closing, openHandle, pieceBytes, piecesAhead, quietly, readState } from './sftp-file.ts'
import type { NewObject } from './storage.ts'

export type RemoteReplacement = {
  connection: SftpConnection
  /** Folders are made below it, never itself. */
  base: string
  path: string
  object: NewObject
  signal: AbortSignal
  /** Told the name of a file that may have stayed, because the connection broke before it could be taken away. */
  onLeft(temporary: string): void
}

/**
 * Puts a whole file in the place of an old one or of nothing: written beside it, then renamed. Until the rename the old
 * file is untouched, and a failure takes the new one away, unless the connection breaks (`onLeft`). Returns what the new
 * file looks like.
 */
export async function replaceRemoteFile(replacement: RemoteReplacement): Promise<Stats> {
  const { connection, path, signal } = replacement
  const temporary = posix.join(posix.dirname(path), temporaryName())
  const folders: string[] = []
  let made = false
  try {
    const old = quietly(stateOf(connection, path))
    const handle = await createFile(replacement, temporary, folders)
    made = true
    const written = await fillFile(handle, old, replacement)
    signal.throwIfAborted()
    await (replacement.object.ifAbsent ? renameIfAbsent : rename)(connection, temporary, path)
    return written
  } catch (error) {
    // Also when the name was not ours yet: an answer that was not waited for may have made the file.
    if (made || signal.aborted) await connection.call((sftp, done) => sftp.unlink(temporary, done)).catch(() => {})
    await removeFolders(connection, folders)
    if (connection.broken) replacement.onLeft(temporary)
    signal.throwIfAborted()
    throw sftpError(error, path)
  }
}

/** What is there under a name; `null` for nothing. */
export async function stateOf(connection: SftpConnection, path: string): Promise<Stats | null> {
  try {
    return await connection.call<Stats>((sftp, done) => sftp.stat(path, done))
  } catch (error) {
    if (isAbsent(error)) return null
    throw sftpError(error, path)
  }
}

/**
 * Makes a folder and those above it, up to a base that must be there, and adds to `made` what it has made, from the top. A
 * file in the way is `invalid_request`.
 */
export async function makeRemoteFolder(
  connection: SftpConnection,
  base: string,
  folder: string,
  made: string[] = [],
): Promise<void> {
  const found = await stateOf(connection, base)
  if (!found?.isDirectory()) throw new MortiseError('storage_unavailable', `sftp: the folder ${base} is not there`)
  let path = base
  for (const name of posix.relative(base, folder).split('/')) {
    path = posix.join(path, name)
    try {
      await connection.call((sftp, done) => sftp.mkdir(path, done))
      made.push(path)
    } catch (error) {
      // The protocol has no word for "it is there already".
      const there = await stateOf(connection, path)
      if (!there) throw sftpError(error, path)
      if (!there.isDirectory()) throw new MortiseError('invalid_request', `sftp ${path} is a file, not a folder`)
    }
  }
}

/** To whoever lists it, an empty folder is an object. One in which somebody else has put something stays. */
async function removeFolders(connection: SftpConnection, folders: string[]): Promise<void> {
  for (const folder of folders.reverse()) {
    await connection.call((sftp, done) => sftp.rmdir(folder, done)).catch(() => {})
  }
}

async function createFile(
  { connection, base, path, signal }: RemoteReplacement,
  temporary: string,
  folders: string[],
): Promise<Buffer> {
  try {
    return await openHandle(connection, temporary, 'wx', signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!isAbsent(error)) throw error
    await makeRemoteFolder(connection, base, posix.dirname(path), folders)
    return await openHandle(connection, temporary, 'wx', signal)
  }
}

/** Writes and closes, on every end. */
async function fillFile(handle: Buffer, old: Promise<Stats | null>, { connection, object, signal }: RemoteReplacement) {
  const close = closing(connection, handle)
  try {
    await unlessAborted(signal, old)
    await writeBody(connection, handle, object, signal)
    await unlessAborted(signal, forceToDisk(connection, handle))
    const written = await unlessAborted(signal, readState(connection, handle))
    await unlessAborted(signal, tellApart(connection, handle, written, await old))
    await unlessAborted(signal, close())
    return written
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}

async function writeBody(connection: SftpConnection, handle: Buffer, object: NewObject, signal: AbortSignal) {
  const pending: Promise<void>[] = []
  let position = 0
  for await (const chunk of readBody(object, signal)) {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const { buffer, byteOffset, length } = chunk.subarray(at, at + pieceBytes)
      const piece = Buffer.from(buffer, byteOffset, length)
      const start = position
      pending.push(quietly(connection.call((sftp, done) => sftp.write(handle, piece, 0, length, start, done))))
      position += length
      if (pending.length === piecesAhead) await unlessAborted(signal, pending.shift()!)
    }
  }
  await unlessAborted(signal, Promise.all(pending))
}

/** A power cut leaves the old object or the new one, where the server can see to that. */
async function forceToDisk(connection: SftpConnection, handle: Buffer): Promise<void> {
  await connection
    .call((sftp, done) => sftp.ext_openssh_fsync(handle, done))
    .catch(error => {
      if (connection.broken || statusOf(error) === status.failure) throw error
    })
}

/** The tag is made of size and second: bytes of equal number that replace others get a later second. */
async function tellApart(connection: SftpConnection, handle: Buffer, written: Stats, old: Stats | null): Promise<void> {
  if (!old || old.size !== written.size || old.mtime < written.mtime) return
  const mtime = old.mtime + 1
  await connection.call((sftp, done) => sftp.fsetstat(handle, { atime: mtime, mtime }, done))
  written.mtime = mtime
}

async function rename(connection: SftpConnection, from: string, to: string): Promise<void> {
  try {
    // The server's own rename of version 3 does not replace.
    await connection.call((sftp, done) => sftp.ext_openssh_rename(from, to, done))
  } catch (error) {
    const there = await stateOf(connection, to)
    if (there?.isDirectory()) throw new MortiseError('invalid_request', `sftp ${to} is a folder`)
    if (statusOf(error) === status.failure || statusOf(error) === status.denied || connection.broken) throw error
    if (there) throw new MortiseError('unsupported', `sftp ${to}: the server cannot replace a file in one step`)
    await connection.call((sftp, done) => sftp.rename(from, to, done))
  }
}

/** The rename of the protocol itself fails when something has the name; OpenSSH's does so in one step. */
async function renameIfAbsent(connection: SftpConnection, from: string, to: string): Promise<void> {
  try {
    await connection.call((sftp, done) => sftp.rename(from, to, done))
  } catch (error) {
    const there = await stateOf(connection, to)
    if (there?.isDirectory()) throw new MortiseError('invalid_request', `sftp ${to} is a folder`)
    throw there ? preconditionFailed('there is an object already') : error
  }
}
