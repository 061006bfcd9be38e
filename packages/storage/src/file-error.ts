import { MortiseError } from '@mortise/errors'
import { asError } from './body.ts'

/** The error of a file call in the words of the port. A name that is taken by a folder (or the reverse) cannot be stored. */
export function fileError(error: unknown, path: string): MortiseError {
  if (error instanceof MortiseError) return error
  const code = nameCodes.has(errorCode(error)) ? 'invalid_request' : 'storage_unavailable'
  return new MortiseError(code, `${path}: ${asError(error).message}`, { cause: error })
}

export function errorCode(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code)
}

/** ENXIO is a socket, or a device without a driver. */
export const absentCodes = new Set(['ENOENT', 'ENOTDIR', 'ENXIO'])

const nameCodes = new Set(['ENOTDIR', 'EISDIR', 'EEXIST', 'ENAMETOOLONG'])
