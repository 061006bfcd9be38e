import { MortiseError } from '@mortise/errors'
import ssh2 from 'ssh2'
import { asError } from './body.ts'

/** Version 3 of the protocol, which every server speaks, has few codes; most reasons are `failure`. */
export const status = {
  end: ssh2.utils.sftp.STATUS_CODE.EOF,
  absent: ssh2.utils.sftp.STATUS_CODE.NO_SUCH_FILE,
  denied: ssh2.utils.sftp.STATUS_CODE.PERMISSION_DENIED,
  failure: ssh2.utils.sftp.STATUS_CODE.FAILURE,
  /** OpenSSH says so of names that are too long. */
  badMessage: ssh2.utils.sftp.STATUS_CODE.BAD_MESSAGE,
} as const

/** What the server answered; `null` when the error is no answer. */
export function statusOf(error: unknown): number | null {
  const code = (error as { code?: unknown } | null)?.code
  return error instanceof MortiseError || typeof code !== 'number' ? null : code
}

export function isAbsent(error: unknown): boolean {
  return statusOf(error) === status.absent
}

/** The error of a call in the words of the port. */
export function sftpError(error: unknown, path: string): MortiseError {
  if (error instanceof MortiseError) return error
  const code = statusOf(error) === status.badMessage ? 'invalid_request' : 'storage_unavailable'
  return new MortiseError(code, `sftp ${path}: ${asError(error).message}`, { cause: error })
}
