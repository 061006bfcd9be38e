import { randomBytes } from 'node:crypto'
import { type BigIntStats, close, fdatasync, fstat, mkdir, open, rename, stat, unlink } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { MortiseError } from '@mortise/errors'
import { errorCode, fileError } from './file-error.ts'
import type { NewObject } from './storage.ts'
import { writeObject } from './write-object.ts'

export type Replacement = {
  /** Folders are made below it, never itself: a volume that is not mounted must not be written beside. */
  root: string
  path: string
  /** What stands before the body. */
  head: Uint8Array
  object: NewObject
  /** The bytes reach the disk before the name does, so that a power cut cannot leave a torn object either. */
  sync: boolean
  signal: AbortSignal
}

/**
 * Puts a whole file in the place of an old one or of nothing: written beside it, then renamed. Until the rename the
 * old file is untouched, and a failure takes the new one away. Returns what the new file looks like.
 */
export async function replaceFile(replacement: Replacement): Promise<BigIntStats> {
  const { root, path, signal } = replacement
  const temporary = join(dirname(path), temporaryName())
  let made = false
  try {
    const fd = await createFile(root, temporary)
    made = true
    const written = await fillFile(fd, replacement)
    signal.throwIfAborted()
    await calls.rename(temporary, path)
    return written
  } catch (error) {
    if (made) await calls.unlink(temporary).catch(() => {})
    signal.throwIfAborted()
    throw fileError(error, path)
  }
}

/** Makes a folder and those above it, up to a root that must be there. */
export async function makeFolder(root: string, folder: string): Promise<void> {
  const found = await calls.stat(root).catch(() => null)
  if (!found?.isDirectory()) throw new MortiseError('storage_unavailable', `the root folder ${root} is not there`)
  await calls.mkdir(folder, { recursive: true })
}

const calls = {
  open: promisify(open),
  fdatasync: promisify(fdatasync),
  fstat: promisify(fstat),
  close: promisify(close),
  rename: promisify(rename),
  unlink: promisify(unlink),
  stat: promisify(stat),
  mkdir: promisify(mkdir),
}

/** Beside the target, to be on its file system. Keys with a backslash are refused, so no key can ever name it. */
function temporaryName(): string {
  made = (made + 1) % 2 ** 32
  return `\\${processName}${made.toString(16).padStart(8, '0')}`
}

const processName = randomBytes(8).toString('hex')

let made = 0

async function createFile(root: string, path: string): Promise<number> {
  try {
    return await calls.open(path, 'wx')
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    await makeFolder(root, dirname(path))
    return await calls.open(path, 'wx')
  }
}

/** Writes and closes, on every end. NFS sends what was written when it is asked for its state or closed: both may wait. */
async function fillFile(fd: number, { head, object, sync, signal }: Replacement): Promise<BigIntStats> {
  let written: BigIntStats
  try {
    await writeObject(fd, head, object, signal)
    if (sync) await calls.fdatasync(fd)
    written = await calls.fstat(fd, { bigint: true })
  } catch (error) {
    await calls.close(fd).catch(() => {})
    throw error
  }
  await calls.close(fd)
  return written
}
