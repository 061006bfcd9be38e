import { MortiseError } from '@mortise/errors'
import { createSmallest } from './smallest.ts'
import { type Listing, type ListOptions, reservedPrefix } from './storage.ts'
import { compareText } from './text-order.ts'

/** What a listing tells of a key: the key itself, or the common prefix that stands for it and others. */
export type Told = { text: string; common: boolean }

/** Throws `invalid_request` for options that mean nothing. */
export function checkListOptions({ prefix, limit, signal }: ListOptions): void {
  signal.throwIfAborted()
  if (!prefix.startsWith('/')) throw new MortiseError('invalid_request', 'a prefix begins with a slash')
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit) {
    throw new MortiseError('invalid_request', `${limit} is not a number of keys from 1 to ${maxLimit}`)
  }
}

/** What is told of a key that begins with the prefix. */
export function tell(key: string, { prefix, delimiter }: Pick<ListOptions, 'prefix' | 'delimiter'>): Told {
  const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1
  return at < 0 ? { text: key, common: false } : { text: key.slice(0, at + delimiter!.length), common: true }
}

/** Keys of Mortise's own are told only to who asks for nothing else. */
export function isHidden(text: string, { prefix }: Pick<ListOptions, 'prefix'>): boolean {
  return text.startsWith(reservedPrefix) && !prefix.startsWith(reservedPrefix)
}

/** The page of keys that come in any order, of which no more are kept than it needs. */
export function pageOf(keys: Iterable<string>, options: ListOptions): Told[] {
  const { prefix, after = '', limit } = options
  const smallest = createSmallest<Told>(limit + 1)
  for (const key of keys) {
    if (!key.startsWith(prefix) || isHidden(key, options)) continue
    const told = tell(key, options)
    if (compareText(told.text, after) > 0) smallest.add(told.text, told)
  }
  return smallest.values()
}

/**
 * A page from what was told in order, one more than `limit` when there are more. `infos` belong to the keys of the page;
 * `null` is an object that has gone meanwhile.
 */
export function toListing<T extends Listing['objects'][number]['info']>(
  told: Told[],
  limit: number,
  infos: Map<string, T | null>,
): Listing {
  const page = told.slice(0, limit)
  const objects: Listing['objects'] = []
  for (const { text, common } of page) {
    const info = common ? null : infos.get(text)
    if (!info) continue
    const { size, etag, lastModified } = info
    objects.push({ key: text, info: { size, etag, lastModified } })
  }
  const prefixes = page.filter(({ common }) => common).map(({ text }) => text)
  return { objects, prefixes, next: told.length > limit ? page.at(-1)!.text : null }
}

/** The largest page, as in S3. */
const maxLimit = 1000
