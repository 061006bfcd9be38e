import { randomBytes } from 'node:crypto'
import { type BigIntStats, close, fdatasync, fstat, link, mkdir, open, rename, rmdir, stat, unlink } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { MortiseError } from '@mortise/errors'
import { preconditionFailed } from './condition.ts'
import { createMd5 } from './etag.ts'
import { errorCode, fileError } from './file-error.ts'
import { type ObjectFile, overwrite, writeObject } from './write-object.ts'

export type Replacement = ObjectFile & {
  /** Folders are made below it, never itself: a volume that is not mounted must not be written beside. */
  root: string
  path: string
  /** Where in the head the MD5 of the body belongs; absent: nowhere. */
  md5At?: number
  /** Where in it the late metadata of the object belongs; absent: nowhere. */
  lateAt?: number
  /** The bytes reach the disk before the name does, so that a power cut cannot leave a torn object either. */
  sync: boolean
  /** Gives the new file its name. Absent: by a rename, which replaces what is there. */
  place?(temporary: string): Promise<void>
}

/** What a new file looks like, and the MD5 of the body when it was asked for. */
export type Written = { stat: BigIntStats; md5?: string }

/**
 * Puts a whole file in the place of an old one or of nothing: written beside it, then renamed. Until the rename the
 * old file is untouched, and a failure takes the new one away. Returns what the new file looks like.
 */
export async function replaceFile(replacement: Replacement): Promise<Written> {
  const { root, path, signal, place = from => placeOver(from, path) } = replacement
  const folder = dirname(path)
  const temporary = join(folder, temporaryName())
  let made = false
  let topFolder: string | undefined
  try {
    const fd = await createFile(temporary, async () => {
      topFolder = (await makeFolder(root, folder)) ?? topFolder
    })
    made = true
    const written = await fillFile(fd, replacement)
    signal.throwIfAborted()
    await place(temporary)
    return written
  } catch (error) {
    if (made) await calls.unlink(temporary).catch(() => {})
    if (topFolder) await removeFolders(folder, topFolder)
    signal.throwIfAborted()
    throw fileError(error, path)
  }
}

/** Gives a file a name that nothing has yet; `precondition_failed` when something has it. In one step, for all processes. */
export async function placeIfAbsent(temporary: string, path: string): Promise<void> {
  try {
    await calls.link(temporary, path)
  } catch (error) {
    if (unlinkable.has(errorCode(error))) {
      throw new MortiseError('unsupported', `${path}: the file system has no hard links`, { cause: error })
    }
    const found = errorCode(error) === 'EEXIST' && (await calls.stat(path).catch(() => null))
    if (found && !found.isDirectory()) throw preconditionFailed('there is an object already')
    throw error
  }
  await calls.unlink(temporary).catch(() => {})
}

/** Replaces what has the name. */
export const placeOver = (temporary: string, path: string) => calls.rename(temporary, path)

/** Makes a folder and those above it, up to a root that must be there. Returns the first that was not there, if any. */
export async function makeFolder(root: string, folder: string): Promise<string | undefined> {
  const found = await calls.stat(root).catch(() => null)
  if (!found?.isDirectory()) throw new MortiseError('storage_unavailable', `the root folder ${root} is not there`)
  return calls.mkdir(folder, { recursive: true })
}

const calls = {
  open: promisify(open),
  fdatasync: promisify(fdatasync),
  fstat: promisify(fstat),
  close: promisify(close),
  link: promisify(link),
  rename: promisify(rename),
  unlink: promisify(unlink),
  stat: promisify(stat),
  mkdir: promisify(mkdir) as (path: string, options: { recursive: true }) => Promise<string | undefined>,
  rmdir: promisify(rmdir),
}

/** Beside the target, to be on its file system. Keys with a backslash are refused, so no key can ever name it. */
export function temporaryName(): string {
  made = (made + 1) % 2 ** 32
  return `\\${processName}${made.toString(16).padStart(8, '0')}`
}

const processName = randomBytes(8).toString('hex')

let made = 0

async function createFile(path: string, makeFolders: () => Promise<void>): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await calls.open(path, 'wx')
    } catch (error) {
      // A delete takes away the folder that it leaves empty, perhaps this one before there is a file in it.
      if (errorCode(error) !== 'ENOENT' || tries === maxTries) throw error
      await makeFolders()
    }
  }
}

const maxTries = 10

/** Takes away what was made for a file that is not there now: to whoever lists it, an empty folder is an object. */
async function removeFolders(folder: string, top: string): Promise<void> {
  try {
    for (let at = folder; at.length >= top.length; at = dirname(at)) await calls.rmdir(at)
  } catch {
    // Somebody else has put something there.
  }
}

/** What link(2) answers where there is none. */
const unlinkable = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** Writes and closes, on every end. NFS sends what was written when it is asked for its state or closed: both may wait. */
async function fillFile(fd: number, replacement: Replacement): Promise<Written> {
  const { md5At, lateAt, object, sync } = replacement
  let written: Written
  try {
    const hash = md5At === undefined ? undefined : createMd5()
    await writeObject(fd, replacement, hash)
    const md5 = hash?.digest('hex')
    if (md5) await overwrite(fd, Buffer.from(md5), md5At!)
    if (lateAt !== undefined) await overwrite(fd, Buffer.from(object.lateMetadata!.value()), lateAt)
    if (sync) await calls.fdatasync(fd)
    written = { stat: await calls.fstat(fd, { bigint: true }), ...(md5 ? { md5 } : {}) }
  } catch (error) {
    await calls.close(fd).catch(() => {})
    throw error
  }
  await calls.close(fd)
  return written
}
