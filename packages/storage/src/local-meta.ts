import { createFileStorage, type FileStorageOptions } from './file-storage.ts'
import { configuredHeaders, toHeaders } from './headers.ts'
import { printMetaHead, readMetaHead } from './meta-head.ts'
import type { Storage } from './storage.ts'

/**
 * Files that begin with what the object says about itself, in the format of mort's `local-meta`: each reads what the
 * other wrote. Plain files are objects too; their content type comes from the extension.
 */
export function createLocalMetaStorage(
  options: FileStorageOptions & {
    /** Set over the headers of every new object; only those that the port knows are ever read back. */
    headers?: Record<string, string>
  },
): Storage {
  const configured = configuredHeaders(options.headers)
  return createFileStorage(options, {
    kind: 'local-meta',
    keepsHeaders: true,
    readHead: readMetaHead,
    writeHead(object) {
      const headers = { ...toHeaders(object), ...configured }
      return { ...printMetaHead(headers, object), headers }
    },
  })
}
