import type { RE2JS } from 're2js'
import { checkPath } from '../address.ts'

/** The path of a parent. Empty segments are dropped, as joining does in mort; what climbs is refused, not cleaned. */
export function parentPath(bucket: string, text: string): string {
  return checkPath(`/${bucket}/${text}`.replace(/\/{2,}/g, '/'))
}

/** Finds the regexp in a key (unanchored, in linear time). A group that it does not have, or that took no part, is ''. */
export function groupsOf<N extends string>(
  path: RE2JS,
  names: readonly N[],
): (key: string) => Record<N, string> | null {
  const known = path.namedGroups()
  return key => {
    const match = path.matcher(key)
    if (!match.find()) return null
    const texts = names.map(name => [name, Object.hasOwn(known, name) ? (match.group(name) ?? '') : ''])
    return Object.fromEntries(texts) as Record<N, string>
  }
}
