import type { BucketConfig } from '@mortise/config'
import { hashKey, hashParentKey, type Link } from './mort-hash.ts'

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

/**
 * The key under which a derivative is stored. `links`: the request, its ancestors and the original. `digest` is only
 * called when it is needed. `suffix`: the negotiated format, which stands behind the key, as in mort.
 */
export function resultKey(kind: ResultKey, { links, digest, suffix }: KeyFacts): string {
  return makers[kind](links, digest) + suffix
}

/** A key for a derivative that may not lie at or below the name of its original: below a folder that holds nothing else. */
export function keyApart(facts: KeyFacts): string {
  return `/-${resultKey('digest', facts)}`
}

type KeyFacts = { links: readonly Link[]; digest: () => string; suffix: string }

const makers: Record<ResultKey, (links: readonly Link[], digest: () => string) => string> = {
  digest: (links, digest) => `/${folderName(links.at(-1)?.key ?? '')}/${digest()}`,
  path: ([own]) => own?.key ?? '',
  hash: hashKey,
  hashParent: hashParentKey,
}

/** File systems end a name at 255 bytes; the digest behind it tells apart what a cut name does not. */
const maxFolderBytes = 200

function folderName(key: string): string {
  const name = key.slice(1).replaceAll('/', '-')
  if (Buffer.byteLength(name) <= maxFolderBytes) return name
  return Buffer.from(name)
    .subarray(0, maxFolderBytes)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
}
