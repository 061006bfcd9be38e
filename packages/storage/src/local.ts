import { givenEtag } from './etag.ts'
import { createFileStorage, type FileStorageOptions } from './file-storage.ts'
import { toHeaders } from './headers.ts'
import type { Storage } from './storage.ts'

/**
 * Plain files. The content type is guessed from the extension; what else an object says about itself cannot be kept
 * and is dropped, not refused. Its tags are of the file, not of the bytes, and contain a `-`.
 */
export function createLocalStorage(options: FileStorageOptions): Storage {
  return createFileStorage(options, {
    kind: 'local',
    keepsHeaders: false,
    writeHead(object) {
      // For the same answer to a bad header as from every other kind.
      toHeaders(object)
      givenEtag(object)
      return { head: new Uint8Array(), headers: {} }
    },
  })
}
