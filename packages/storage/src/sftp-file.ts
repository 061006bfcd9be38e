import { MortiseError } from '@mortise/errors'
import type { Stats } from 'ssh2'
import { unlessAborted } from './abort.ts'
import { fromHeaders } from './headers.ts'
import type { SftpConnection } from './sftp-connection.ts'
import { isAbsent } from './sftp-error.ts'
import type { ObjectInfo } from './storage.ts'

/** Bytes in one request, which most servers answer at once, and requests on their way for one body. */
export const pieceBytes = 64 * 1024
export const piecesAhead = 8

/** A file that is open at the server. */
export type RemoteFile = {
  connection: SftpConnection
  handle: Buffer
  path: string
  /** As it was when it was opened. */
  stat: Stats
  /** Rejects with what the server says about it. Idempotent. */
  close(): Promise<void>
}

/** Opens a regular file to read it; `null` for everything else: nothing there, a folder, a path below a file. */
export async function openRemoteFile(connection: SftpConnection, path: string, signal: AbortSignal) {
  const handle = await openHandle(connection, path, 'r', signal).catch(error => {
    if (isAbsent(error)) return null
    throw error
  })
  if (!handle) return null
  const close = closing(connection, handle)
  try {
    const stat = await unlessAborted(signal, readState(connection, handle))
    if (stat.isFile()) return { connection, handle, path, stat, close } satisfies RemoteFile
  } catch (error) {
    close().catch(() => {})
    throw error
  }
  await close()
  return null
}

/** A handle that comes when nobody waits for it any more is closed. */
export function openHandle(
  connection: SftpConnection,
  path: string,
  flags: 'r' | 'wx',
  signal: AbortSignal,
): Promise<Buffer> {
  const opening = connection.call<Buffer>((sftp, done) => sftp.open(path, flags, done))
  const onAbort = () => void opening.then(handle => closing(connection, handle)()).catch(() => {})
  signal.addEventListener('abort', onAbort, { once: true })
  return unlessAborted(signal, opening).finally(() => signal.removeEventListener('abort', onAbort))
}

export function closing(connection: SftpConnection, handle: Buffer): () => Promise<void> {
  let closed: Promise<void> | undefined
  return () => {
    closed ??= connection.call((sftp, done) => sftp.close(handle, done))
    return closed
  }
}

export function readState(connection: SftpConnection, handle: Buffer): Promise<Stats> {
  return connection.call<Stats>((sftp, done) => sftp.fstat(handle, done))
}

/**
 * Size and time are all that version 3 of the protocol tells, and the time in seconds: the tag is weak (RFC 9110,
 * section 8.8.2.2).
 */
export function remoteInfo({ size, mtime }: Stats, path: string, key: string): ObjectInfo {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(mtime)) {
    throw new MortiseError('storage_unavailable', `sftp ${path}: the server does not tell size and time`)
  }
  const etag = `${mtime.toString(36)}-${size.toString(36)}`
  return { ...fromHeaders({}, key), size, etag, weak: true, lastModified: new Date(mtime * 1000) }
}

/**
 * The bytes from `first` to before `end`, in order, with some requests ahead. Throws `storage_unavailable` when the file
 * ends before that, or was changed meanwhile: before the last piece, for a reader who got all cannot learn it.
 */
export async function* readRemoteFile(file: RemoteFile, first: number, end: number): AsyncGenerator<Buffer> {
  const pending: Promise<Buffer>[] = []
  let unchanged: Promise<void> | undefined
  let at = first
  for (let left = end - first; left > 0; ) {
    for (; at < end && pending.length < piecesAhead; at += pieceBytes) {
      pending.push(quietly(readPiece(file, at, Math.min(pieceBytes, end - at))))
    }
    if (at >= end) unchanged ??= quietly(checkUnchanged(file))
    const piece = await pending.shift()!
    left -= piece.length
    if (left === 0) await unchanged
    yield piece
  }
}

async function readPiece({ connection, handle, path }: RemoteFile, position: number, length: number): Promise<Buffer> {
  const piece = Buffer.allocUnsafeSlow(length)
  // A server may give less than was asked for.
  for (let at = 0; at < length; ) {
    const start = at
    const count = await connection.call<number>((sftp, done) =>
      sftp.read(handle, piece, start, length - start, position + start, (error, bytes) => done(error, bytes)),
    )
    if (count === 0) throw changed(path)
    at += count
  }
  return piece
}

async function checkUnchanged({ connection, handle, path, stat }: RemoteFile): Promise<void> {
  const now = await readState(connection, handle)
  if (now.size !== stat.size || now.mtime !== stat.mtime) throw changed(path)
}

function changed(path: string): MortiseError {
  return new MortiseError('storage_unavailable', `sftp ${path} changed while it was read`)
}

/** Nobody may be left to hear of a failure. */
export function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
