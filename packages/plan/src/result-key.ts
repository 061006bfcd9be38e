import type { BucketConfig } from '@mortise/config'
import { flat, hashKey, hashParentKey, type Link } from './mort-hash.ts'

/**
 * How the key of a derivative is made.
 *
 * digest: `/<key of the original, with - for />/<digest of the content>`; no two plans share a key, and all derivatives
 * of an original share a folder.
 * path: the key of the request. hash, hashParent: what mort makes of the operations and the parents. Two plans may share
 * a key of these three, so each derivative carries the id of its plan.
 */
export type ResultKey = 'digest' | 'path' | 'hash' | 'hashParent'

/**
 * Plain files carry no record of their plan, so no two plans may share a key there. Nor does mort store derivatives in
 * them, which a key of its own could find.
 */
export function storableKey(wanted: ResultKey, { storages }: Pick<BucketConfig, 'storages'>): ResultKey {
  return storages.transform?.kind === 'local' ? 'digest' : wanted
}

/** Bytes that the storage of derivatives lets a name between two slashes have. */
export function longestName({ storages }: Pick<BucketConfig, 'storages'>): number {
  const kind = storages.transform?.kind
  return kind === 'local' || kind === 'local-meta' || kind === 'sftp' ? maxFileName : Number.POSITIVE_INFINITY
}

/**
 * The key under which a derivative is stored. `links`: the request, its ancestors and the original. `digest` is only
 * called when it is needed. `suffix`: the negotiated format, which stands behind the key, as in mort. One with a name that
 * its storage cannot have is a digest instead: there mort has stored nothing that could be found.
 */
export function resultKey(kind: ResultKey, { links, digest, suffix, maxNameBytes }: KeyFacts): string {
  const key = makers[kind](links, digest) + suffix
  const tooLong =
    Buffer.byteLength(key) > maxNameBytes && key.split('/').some(name => Buffer.byteLength(name) > maxNameBytes)
  return tooLong ? makers.digest(links, digest) + suffix : key
}

/**
 * Below these are derivatives of the original with that key, all whose keys do not say so themselves (`path`, `hash`).
 * `shared`: {@link keyApart} may have been needed.
 */
export function foldersOf(key: string, { shared }: { shared: boolean }): string[] {
  const name = folderName(key)
  return [...new Set([`/${name}/`, `/${flat(key)}/`]), ...(shared ? [`/-/${name}/`] : [])]
}

/** A key for a derivative that may not lie at or below the name of its original: below a folder that holds nothing else. */
export function keyApart(facts: KeyFacts): string {
  return `/-${resultKey('digest', facts)}`
}

type KeyFacts = { links: readonly Link[]; digest: () => string; suffix: string; maxNameBytes: number }

const makers: Record<ResultKey, (links: readonly Link[], digest: () => string) => string> = {
  digest: (links, digest) => `/${folderName(links.at(-1)?.key ?? '')}/${digest()}`,
  path: ([own]) => own?.key ?? '',
  hash: hashKey,
  hashParent: hashParentKey,
}

/** NAME_MAX of every usual file system. */
const maxFileName = 255

/** Shorter than a name may be; the digest behind it tells apart what a cut name does not. */
const maxFolderBytes = 200

function folderName(key: string): string {
  const name = flat(key)
  if (Buffer.byteLength(name) <= maxFolderBytes) return name
  return Buffer.from(name)
    .subarray(0, maxFolderBytes)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
}
