import { MortiseError } from '@mortise/errors'
import { noQuery, parseAddress, publicKey, type Query } from './address.ts'
import type { CompiledBucket } from './bucket.ts'
import type { Warn } from './grammars/grammar.ts'
import type { ResultKey } from './result-key.ts'
import { isEmpty, type TransformSet } from './transform-set.ts'
import type { Location } from './types.ts'

/** A request resolved through its parents. */
export type Chain = {
  /** The bucket that was asked. */
  bucket: CompiledBucket
  /** The request, its parent, the parent of that; the original is the last. */
  links: Link[]
  /** The sets to apply, oldest first: the one nearest to the original runs first. Never an empty set. */
  sets: TransformSet[]
  /** The root parent: the object whose bytes everything is made from. */
  original: Location
  /** Of the bucket that was asked, unless its grammar decided otherwise. */
  checkParent: boolean
  resultKey: ResultKey
}

export type Link = {
  bucket: string
  key: string
  /** As the grammar of the bucket read them; none for the original. */
  sets: readonly TransformSet[]
  preset: string | null
}

/** More than this is a mistake or an attack. */
const maxParents = 16

/** Each costs a pass over all pixels. No more fit into a Plan. */
const maxSets = 32

/** The object under a key of its own bucket. */
export function asItIs(bucket: CompiledBucket, key: string): Chain {
  const { name, checkParent, resultKey } = bucket
  const links = [{ bucket: name, key, sets: [], preset: null }]
  const original = { storage: `${name}/basic`, bucket: name, key: publicKey(key) }
  return { bucket, links, sets: [], original, checkParent, resultKey }
}

/**
 * Follows parents of parents. Each parent is a path that the rules of its own bucket read again, without a query. The
 * original is read from the storage that the bucket nearest to it names as `parentStorage`.
 */
export function followParents(
  buckets: ReadonlyMap<string, CompiledBucket>,
  request: { bucket: CompiledBucket; key: string; query: Query; warn?: Warn | undefined },
): Chain {
  const sets: TransformSet[] = []
  const links: Link[] = []
  const { warn } = request
  let { bucket, key, query } = request
  let storage = `${bucket.name}/basic`
  let { checkParent, resultKey } = bucket
  for (let depth = 0; depth <= maxParents; depth++) {
    const parsed = bucket.parse({ key, query, warn })
    links.push({ bucket: bucket.name, key, sets: parsed?.sets ?? [], preset: parsed?.preset ?? null })
    if (!parsed) {
      const original = { storage, bucket: bucket.name, key: publicKey(key) }
      return { bucket: request.bucket, links, sets, original, checkParent, resultKey }
    }
    sets.unshift(...parsed.sets.filter(set => !isEmpty(set)))
    if (sets.length > maxSets) throw new MortiseError('invalid_request', `parent: more than ${maxSets} transforms`)
    if (depth === 0) ({ checkParent = checkParent, resultKey = resultKey } = parsed)
    storage = `${bucket.name}/${bucket.parentStorage}`
    const parent = parseAddress(parsed.parent)
    const parentBucket = buckets.get(parent.bucket)
    if (!parentBucket) throw new MortiseError('invalid_request', 'parent: no such bucket')
    if (parent.key === null || parent.key === '/') throw new MortiseError('invalid_request', 'parent: no key')
    bucket = parentBucket
    key = parent.key
    query = noQuery
  }
  throw new MortiseError('invalid_request', `parent: more than ${maxParents} parents`)
}
