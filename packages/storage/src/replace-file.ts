import { randomBytes } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MortiseError } from '@mortise/errors'
import { readBody } from './body.ts'
import { errorCode, fileError } from './file.ts'
import type { NewObject } from './storage.ts'

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
export async function replaceFile({ root, path, head, object, sync, signal }: Replacement): Promise<BigIntStats> {
  const temporary = join(dirname(path), temporaryName())
  let handle: FileHandle | undefined
  try {
    handle = await createFile(root, temporary)
    if (head.length > 0) await handle.writeFile(head)
    for await (const chunk of readBody(object, signal)) await handle.writeFile(chunk)
    if (sync) await handle.datasync()
    const written = await handle.stat({ bigint: true })
    await handle.close()
    signal.throwIfAborted()
    await rename(temporary, path)
    return written
  } catch (error) {
    await handle?.close().catch(() => {})
    if (handle) await rm(temporary, { force: true }).catch(() => {})
    signal.throwIfAborted()
    throw fileError(error, path)
  }
}

/** Makes a folder and those above it, up to a root that must be there. */
export async function makeFolder(root: string, folder: string): Promise<void> {
  const found = await stat(root).catch(() => null)
  if (!found?.isDirectory()) throw new MortiseError('storage_unavailable', `the root folder ${root} is not there`)
  await mkdir(folder, { recursive: true })
}

/** Beside the target, to be on its file system. Keys with a backslash are refused, so no key can ever name it. */
function temporaryName(): string {
  return `\\${randomBytes(12).toString('hex')}`
}

async function createFile(root: string, path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx')
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    await makeFolder(root, dirname(path))
    return await open(path, 'wx')
  }
}
