import type { SftpConnection } from './sftp-connection.ts'
import { isAbsent } from './sftp-error.ts'

/**
 * Files beside their targets that puts left when their connection broke, by path. The next connection takes them away. Of
 * more than can be kept in mind the first are forgotten, and stay.
 */
export function createLeftFiles() {
  const paths = new Set<string>()
  return {
    add(path: string): void {
      paths.add(path)
      const [first] = paths
      if (paths.size > maxPaths) paths.delete(first!)
    },
    /** Nobody waits for it: those that fail are tried again on the connection after. */
    remove(connection: SftpConnection): void {
      for (const path of paths) {
        const removing = connection.call((sftp, done) => sftp.unlink(path, done))
        removing
          .catch(error => isAbsent(error) || Promise.reject(error))
          .then(
            () => paths.delete(path),
            () => {},
          )
      }
    },
  }
}

const maxPaths = 1_000
