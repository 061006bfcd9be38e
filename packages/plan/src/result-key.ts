/** How the key of a derivative is made: from a digest of its plan, or as the path of the request. */
export type ResultKey = 'digest' | 'path'

/**
 * The key under which a derivative is stored.
 *
 * `digest`: `/<key of the original, with - for />/<digest of the content>`; no two plans share a key, and all
 * derivatives of an original share a folder. `path`: the key of the request, with the negotiated format behind it, as
 * mort does; two plans may share a key there, so each derivative carries the id of its plan.
 */
export function resultKey(
  kind: ResultKey,
  {
    requestKey,
    originalKey,
    digest,
    suffix,
  }: { requestKey: string; originalKey: string; digest: string; suffix: string },
): string {
  if (kind === 'path') return requestKey + suffix
  return `/${folderOf(originalKey)}/${digest}${suffix}`
}

/** File systems end a name at 255 bytes; the digest behind it tells apart what a cut name does not. */
const maxFolderBytes = 200

function folderOf(key: string): string {
  const name = key.slice(1).replaceAll('/', '-')
  if (Buffer.byteLength(name) <= maxFolderBytes) return name
  return Buffer.from(name)
    .subarray(0, maxFolderBytes)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
}
