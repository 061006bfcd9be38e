import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { MortiseError } from '@mortise/errors'

/** Throws `invalid_request` when there is no such file, or one of more bytes; the message does not say where it is. */
export async function readLocalImage(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    // A pipe that nobody writes to would never open.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await file.stat()
    if (!stats.isFile()) throw new MortiseError('invalid_request', 'not a file')
    if (stats.size > maxBytes) throw new MortiseError('invalid_request', `more than ${maxBytes} bytes`)
    const { bytesRead, buffer } = await file.read({ buffer: new Uint8Array(stats.size), position: 0 })
    return bytesRead < stats.size ? buffer.slice(0, bytesRead) : buffer
  } catch (error) {
    if (error instanceof MortiseError) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new MortiseError('invalid_request', `the file cannot be read (${code})`, { cause: error })
  }
}
