import { type BigIntStats, closeSync, constants, fstatSync, open, read } from 'node:fs'
import { MortiseError } from '@mortise/errors'
import { absentCodes, errorCode, fileError } from './file-error.ts'

/**
 * Opens a regular file to read it; `null` for everything else: nothing there, a folder, a path below a file, a FIFO, a
 * device.
 */
export async function openFile(path: string): Promise<OpenFile | null> {
  const fd = await openDescriptor(path)
  if (fd === null) return null
  try {
    const stat = fstatSync(fd, { bigint: true })
    if (stat.isFile()) return new OpenFile(fd, stat, path)
  } catch (error) {
    closeSync(fd)
    throw fileError(error, path)
  }
  closeSync(fd)
  return null
}

/**
 * A descriptor that is only read, one read at a time. Each call through the thread pool costs more than the call itself,
 * so what does not wait is done on the spot: closing, for nothing was written that would have to leave, and asking for
 * the state of the file, for a network file system has just told it with the answer to the open or the read before.
 */
export class OpenFile {
  readonly path: string
  /** As it was when the file was opened. */
  readonly stat: BigIntStats
  readonly #fd: number
  #reading: Promise<number> | undefined
  #closing: Promise<void> | undefined

  constructor(fd: number, stat: BigIntStats, path: string) {
    this.#fd = fd
    this.stat = stat
    this.path = path
  }

  /** Fills `target` from `position` on; `storage_unavailable` when the file ends before that. */
  async read(target: Uint8Array, position: number, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < target.length; ) {
      signal.throwIfAborted()
      this.#reading = readSome(this.#open(), target, at, position + at)
      const count = await this.#reading
      this.#reading = undefined
      if (count === 0) throw changed(this.path)
      at += count
    }
  }

  /** Whether the file is what it was when it was opened, for all that its size and times tell. */
  isUnchanged(): boolean {
    const now = fstatSync(this.#open(), { bigint: true })
    return now.size === this.stat.size && now.mtimeNs === this.stat.mtimeNs
  }

  checkUnchanged(): void {
    if (!this.isUnchanged()) throw changed(this.path)
  }

  /** Any number of times. A read that is under way ends first: its number would soon name another file. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#reading) await this.#reading.catch(() => {})
    closeSync(this.#fd)
  }

  #open(): number {
    if (this.#closing) throw new MortiseError('internal', `${this.path} was closed while it was read`)
    return this.#fd
  }
}

function openDescriptor(path: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    // Without O_NONBLOCK the open of a FIFO waits for its writer, in one of the few threads that all file work shares.
    open(path, constants.O_RDONLY | constants.O_NONBLOCK, (error, fd) => {
      if (!error) resolve(fd)
      else if (absentCodes.has(errorCode(error))) resolve(null)
      else reject(fileError(error, path))
    })
  })
}

function readSome(fd: number, target: Uint8Array, at: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = Math.min(target.length - at, maxReadBytes)
    read(fd, target, at, length, position, (error, count) => (error ? reject(error) : resolve(count)))
  })
}

/** The largest read that fits the 32 bits of the system call. */
const maxReadBytes = 2 ** 30

function changed(path: string): MortiseError {
  return new MortiseError('storage_unavailable', `${path} changed while it was read`)
}
